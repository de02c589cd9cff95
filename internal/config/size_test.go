package config

import (
	"slices"
	"testing"

	"berth/catalogue"
)

// TestWhatWinsOverASize: a plan names each value of the file that is not what the size says, also where the release ships what the size needs.
func TestWhatWinsOverASize(t *testing.T) {
	r, err := catalogue.Embedded().Release("7.5.4453", catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	c := &Config{On: catalogue.Compose, Size: "xs", Services: map[string]Service{"gitserver": {CPU: "2", Memory: "3Gi"}, "zoekt-webserver": {Memory: "20Gi"}, "syntect-server": {CPU: "4"}}}
	_, won := WithSize(c, r)
	if want := []Won{{"services.gitserver.cpu", "6"}, {"services.gitserver.memory", "8Gi"}}; !slices.Equal(won, want) {
		t.Errorf("%v, want %v", won, want)
	}
}
