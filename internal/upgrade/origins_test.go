package upgrade

import (
	"fmt"
	"strings"
	"testing"

	"berth/catalogue"
)

func TestPeek(t *testing.T) {
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) {
		fmt.Println(v.Version, strings.Fields(fmt.Sprint(Origins(catalogue.Embedded(), v.Version, catalogue.Kubernetes, Facts{}))), Origins(catalogue.Embedded(), v.Version, catalogue.Kubernetes, Facts{External: true}))
	}
}
