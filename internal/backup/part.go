package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"berth/internal/diag"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// FilesPart begins the name of the part with what is in no database.
const FilesPart = "files"

// sumSuffix is that of the file beside a part with its sha256, as sha256sum writes and reads it.
const sumSuffix = ".sha256"

// partName is the name of a part as it is stored.
func partName(name string, encrypted bool) string {
	name += ".tar.zst"
	if encrypted {
		name += ".age"
	}
	return name
}

// Recipients reads whom backups are encrypted to.
func Recipients(texts []string) ([]age.Recipient, error) {
	var out []age.Recipient
	for _, text := range texts {
		found, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, diag.List{{Code: "BERTH4501", Severity: diag.Error, Subject: "backup.recipients", Summary: fmt.Sprintf("%.12s… is not a public key of age", text), Detail: []string{err.Error()},
				Hint: "age-keygen creates a key, and shows its public half: age1…"}}
		}
		out = append(out, found...)
	}
	return out, nil
}

// Identities reads the file with the keys that read backups.
func Identities(text []byte) ([]age.Identity, error) {
	found, err := age.ParseIdentities(strings.NewReader(string(text)))
	if err != nil {
		return nil, diag.List{{Code: "BERTH4506", Severity: diag.Error, Subject: "--identity", Summary: "the file has no secret key of age", // what it says is no text to repeat
			Hint: "name the file that age-keygen wrote, with a line that begins with AGE-SECRET-KEY-"}}
	}
	return found, nil
}

// meter counts and sums what is written.
type meter struct {
	io.Writer
	n   int64
	sum hash.Hash
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.Writer.Write(p)
	m.n += int64(n)
	if m.sum != nil {
		m.sum.Write(p[:n])
	}
	return n, err
}

// Write writes a part of a backup. fill writes its tar archive. Memory does not grow with it.
func (b Backup) Write(ctx context.Context, name string, recipients []age.Recipient, fill func(io.Writer) error) (Part, error) {
	part := Part{Name: partName(name, len(recipients) > 0)}
	in, out := io.Pipe()
	stored := &meter{Writer: out, sum: sha256.New()}
	go func() { out.CloseWithError(seal(stored, recipients, fill)) }()
	if err := b.Place.Put(ctx, path.Join(b.Dir, part.Name), in); err != nil {
		in.CloseWithError(err) // whoever fills it stops
		return part, err
	}
	part.Size, part.SHA256 = stored.n, hex.EncodeToString(stored.sum.Sum(nil))
	// The sum comes after the part: a part with one is whole.
	return part, b.Place.Put(ctx, path.Join(b.Dir, part.Name+sumSuffix), strings.NewReader(part.SHA256+"  "+part.Name+"\n"))
}

// seal compresses and encrypts what fill writes.
func seal(out io.Writer, recipients []age.Recipient, fill func(io.Writer) error) error {
	closers := []io.Closer{}
	if len(recipients) > 0 {
		encrypted, err := age.Encrypt(out, recipients...)
		if err != nil {
			return fmt.Errorf("encrypt: %w", err)
		}
		out, closers = encrypted, append(closers, encrypted)
	}
	compressed, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	closers = append(closers, compressed)
	if err := fill(compressed); err != nil {
		return err
	}
	for _, c := range slices.Backward(closers) {
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Have gives a part that an earlier try has written whole; false where there is none.
func (b Backup) Have(ctx context.Context, name string, encrypted bool, sizes map[string]int64) (Part, bool) {
	part := Part{Name: partName(name, encrypted)}
	size, there := sizes[part.Name]
	if !there {
		return part, false
	}
	in, err := b.Place.Get(ctx, path.Join(b.Dir, part.Name+sumSuffix))
	if err != nil {
		return part, false
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, 1<<10))
	sum, _, _ := strings.Cut(string(text), " ")
	if err != nil || len(sum) != 2*sha256.Size {
		return part, false
	}
	part.Size, part.SHA256 = size, sum
	return part, true
}

// Read gives a part's tar archive to take, and proves that it is what was written. What take was given before that may be wrong: an error says so.
func (b Backup) Read(ctx context.Context, p Part, identities []age.Identity, take func(io.Reader) error) error {
	err := b.stored(ctx, p, func(in io.Reader) error { return open(in, strings.HasSuffix(p.Name, ".age"), identities, take) })
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return diag.List{{Code: "BERTH4507", Severity: diag.Error, Subject: b.String(), Summary: "the key does not open this backup", Hint: "name the file with the right one: --identity FILE"}}
	}
	return err
}

// stored gives the bytes of a part to take, and proves that they are what was written. That comes first: what take made of other bytes says nothing.
func (b Backup) stored(ctx context.Context, p Part, take func(io.Reader) error) error {
	in, err := b.Place.Get(ctx, path.Join(b.Dir, p.Name))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return b.spoiled(p, "it is not there")
		}
		return err
	}
	defer in.Close()
	sum := sha256.New()
	bytes := io.TeeReader(in, sum)
	taken := take(bytes)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, err := io.Copy(io.Discard, bytes); err != nil { // a reader may stop before the last bytes
		return fmt.Errorf("read %s of %s: %w", p.Name, b, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != p.SHA256 {
		return b.spoiled(p, "its sha256 is "+got+", and "+p.SHA256+" was written")
	}
	return taken
}

// open gives what is in a part to take.
func open(in io.Reader, encrypted bool, identities []age.Identity, take func(io.Reader) error) error {
	if encrypted {
		plain, err := age.Decrypt(in, identities...)
		if err != nil {
			return err
		}
		in = plain
	}
	unpacked, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(512<<20))
	if err != nil {
		return fmt.Errorf("read zstd: %w", err)
	}
	defer unpacked.Close()
	return take(unpacked)
}

func (b Backup) spoiled(p Part, why string) error {
	return diag.List{{Code: "BERTH4508", Severity: diag.Error, Subject: b.String(), Summary: "the part " + p.Name + " is not what was written", Detail: []string{why},
		Hint: "use another backup: berth backup list"}}
}

// Verify reads a part whole. With identities its archive is read, too; without, its sum alone is proved.
func (b Backup) Verify(ctx context.Context, p Part, identities []age.Identity) error {
	if strings.HasSuffix(p.Name, ".age") && len(identities) == 0 {
		return b.stored(ctx, p, func(io.Reader) error { return nil })
	}
	return b.Read(ctx, p, identities, func(in io.Reader) error {
		for r := tar.NewReader(in); ; {
			_, err := r.Next()
			if err == io.EOF {
				_, err := io.Copy(io.Discard, in)
				return err
			}
			if err != nil {
				return fmt.Errorf("read the archive in %s: %w", p.Name, err)
			}
		}
	})
}

// Opens proves that keys open a backup, with the first part of it.
func (b Backup) Opens(ctx context.Context, m *Manifest, identities []age.Identity) error {
	if len(m.Recipients) == 0 || len(m.Parts) == 0 {
		return nil
	}
	if len(identities) == 0 {
		return diag.List{{Code: "BERTH4507", Severity: diag.Error, Subject: b.String(), Summary: "the backup is encrypted, and no key was given", Hint: "name the file with the key: --identity FILE"}}
	}
	in, err := b.Place.Get(ctx, path.Join(b.Dir, m.Parts[0].Name))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // Missing says so
		}
		return err
	}
	defer in.Close()
	var wrong *age.NoIdentityMatchError
	if _, err := age.Decrypt(in, identities...); errors.As(err, &wrong) {
		return diag.List{{Code: "BERTH4507", Severity: diag.Error, Subject: b.String(), Summary: "the key does not open this backup", Hint: "name the file with the right one: --identity FILE"}}
	}
	return nil
}

// Group is the files of one part.
type Group struct {
	Name  string // of the part, without suffixes
	Files []string
	Bytes int64
}

// Groups puts the files of a dump into parts of about most bytes, by the folders that they are in, in the order of their names. A file is never cut.
func Groups(names []string, sizes []int64, most int64) []Group {
	var out []Group
	count := map[string]int{}
	for i, name := range names {
		folder, _, inFolder := strings.Cut(name, "/")
		if !inFolder {
			folder = "report" // what is known of the dumps
		}
		last := len(out) - 1
		if last < 0 || !strings.HasPrefix(out[last].Name, folder+"-") || out[last].Bytes+sizes[i] > most {
			count[folder]++
			out = append(out, Group{Name: fmt.Sprintf("%s-%03d", folder, count[folder])})
			last++
		}
		out[last].Files = append(out[last].Files, name)
		out[last].Bytes += sizes[i]
	}
	return out
}
