package look

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"berth/internal/backup/place"
	"berth/internal/config"
	"berth/internal/doctor"
)

// objects writes an object into a bucket of the admin's own, reads it and deletes it, from this machine.
func (s *sight) objects(ctx context.Context) (take, error) {
	o := s.Doc.Config.ObjectStorage
	switch {
	case o == nil || o.Backend == "" || o.Bucket == "":
		return nil, nil // the bundled store
	case o.Backend != "s3":
		return nil, fmt.Errorf("berth can't ask %s", o.Backend)
	case o.ByIdentity():
		return nil, errors.New("it needs the identity of Sourcegraph, which berth does not have")
	}
	b, err := s.bucket(o)
	if err != nil {
		return nil, err
	}
	found := &doctor.Objects{Bucket: o.Bucket}
	step, err := roundTrip(ctx, b, "berth-doctor"+s.Env.Tag())
	var refused *place.Refused
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		found.Step, found.Untrusted, found.Refuses = step, true, untrusted.Error()
	case errors.As(err, &refused) && refused.Code == "NoSuchBucket" && o.ManageBucket:
		return nil, errors.New("the bucket is not there yet; Sourcegraph makes it when it needs it")
	case errors.As(err, &refused) && refused.Status < 500 || errors.Is(err, errOther):
		found.Step, found.Refuses = step, err.Error()
	case err != nil:
		return nil, fmt.Errorf("it does not answer from this machine: %w", err)
	}
	return func(e *doctor.Evidence) { e.Objects = found }, nil
}

// bucket is the bucket of a config. Who waits for the doctor does not wait for a second try.
func (s *sight) bucket(o *config.ObjectStorage) (b *place.Bucket, err error) {
	b = &place.Bucket{Name: o.Bucket, Endpoint: o.Endpoint, Region: o.Region, Now: s.Env.Now, Wait: func(context.Context, time.Duration) error { return errors.New("no answer, or the connection broke") }}
	if b.Keys.ID, err = s.Env.Secret(s.Want, o.AccessKeyID); err != nil {
		return nil, err
	}
	if b.Keys.Secret, err = s.Env.Secret(s.Want, o.SecretAccessKey); err != nil {
		return nil, err
	}
	if o.CA != "" {
		authority, err := s.file(o.CA)
		if err != nil {
			return nil, err
		}
		b.Client, err = place.Trusting(authority)
		return b, err
	}
	return b, nil
}

// errOther is the answer of a store that gives something else than it was given.
var errOther = errors.New("the object that was read differs from the written one")

// roundTrip puts, gets and deletes an object; step is what failed.
func roundTrip(ctx context.Context, b *place.Bucket, name string) (step string, err error) {
	const text = "written by berth doctor, which deletes it again"
	if err := b.Put(ctx, name, strings.NewReader(text)); err != nil {
		return "take", err
	}
	got, err := b.Get(ctx, name)
	if err == nil {
		var said []byte
		said, err = io.ReadAll(got)
		got.Close()
		if err == nil && string(said) != text {
			err = errOther
		}
	}
	if gone := b.Delete(context.WithoutCancel(ctx), name); err == nil && gone != nil {
		return "delete", gone
	}
	return "give", err
}
