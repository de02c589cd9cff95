package adopt

import (
	"strings"

	"berth/catalogue"
)

// Bucket is the object storage of their own that the variables of a container say, with the files that its keys are in; nil where a variable is of no use of
// object storage, or of the bundled one. env gives the container's variables.
func Bucket(uses []catalogue.Uploads, variable string, env func(name string) string) (storage map[string]any, files map[string][]byte) {
	for _, use := range uses {
		get := func(suffix string) string { return env(use.Prefix + suffix) }
		backend := strings.ToLower(get("BACKEND"))
		if !strings.HasPrefix(variable, use.Prefix) || backend != "s3" && backend != "gcs" || strings.Contains(get("AWS_ENDPOINT"), "blobstore") {
			continue
		}
		storage, files = map[string]any{"backend": backend}, map[string][]byte{}
		for suffix, key := range map[string]string{"BUCKET": "bucket", "AWS_REGION": "region", "AWS_ENDPOINT": "endpoint", "GCP_PROJECT_ID": "project"} {
			if value := get(suffix); value != "" {
				storage[key] = value
			}
		}
		for suffix, key := range map[string]string{"AWS_ACCESS_KEY_ID": "accessKeyID", "AWS_SECRET_ACCESS_KEY": "secretAccessKey", "GOOGLE_APPLICATION_CREDENTIALS_FILE_CONTENT": "credentials"} {
			if value := get(suffix); value != "" {
				file := "secrets/object-storage-" + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(suffix, "AWS_"), "_", "-"))
				storage[key], files[file] = map[string]any{"file": file}, []byte(value+"\n")
			}
		}
		if get("AWS_USE_EC2_ROLE_CREDENTIALS") == "true" {
			storage["auth"] = "identity"
		}
		if get("MANAGE_BUCKET") == "true" {
			storage["manageBucket"] = true
		}
		return storage, files
	}
	return nil, nil
}

// OfBucket is the answer for a difference in a variable of object storage; nil where Bucket gives nothing. What they lack is given to every use of the bucket.
func OfBucket(uses []catalogue.Uploads, d Difference, variable string, draft *Draft, env func(name string) string) *Answer {
	if d.Theirs == nil {
		for _, use := range uses {
			if strings.HasPrefix(variable, use.Prefix) && draft.Value("objectStorage") != nil {
				return &Answer{Fate: Key, Why: "berth gives the bucket to every service that uses one"}
			}
		}
		return nil
	}
	storage, files := Bucket(uses, variable, env)
	if storage == nil {
		return nil
	}
	a := &Answer{Fate: Key, Edits: []Edit{{Path: []string{"objectStorage"}, Value: storage, File: files}}}
	if strings.Contains(variable, "KEY") || strings.Contains(variable, "CREDENTIALS_FILE") {
		a.Fate, a.Why = Secret, "it is in a file in the folder secrets"
	}
	return a
}
