package check

import (
	"bytes"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/contents"
	"berth/internal/diag"
)

// git: without known_hosts every SSH connection asks a question that nobody answers.
func (c *checker) git() {
	if c.Git.SSHKey != nil && c.Git.KnownHosts == "" {
		c.missingf("BERTH1158", "git.sshKey", "create one:  ssh-keyscan github.com > known_hosts  and add  knownHosts: known_hosts",
			"git.sshKey needs git.knownHosts")
	}
}

// gitFiles: ssh, git and curl can read what the config gives them.
func (c *checker) gitFiles() {
	if f, ok := c.hiddenText("git.sshKey", c.Git.SSHKey); ok {
		c.problems = append(c.problems, contents.SSHKey(f, c.world.Program)...)
	}
	if f, ok := c.hiddenText("git.netrc", c.Git.Netrc); ok {
		c.problems = append(c.problems, contents.Netrc(f)...)
		if c.CodeHosts != nil && c.Git.Config == "" { // which may rewrite addresses
			if hosts, ok := c.fileText("codeHosts.file", c.CodeHosts.File); ok {
				c.problems = append(c.problems, contents.NetrcHosts(f, hosts)...)
			}
		}
	}
	if f, ok := c.fileText("git.config", c.Git.Config); ok {
		c.problems = append(c.problems, contents.GitConfig(f)...)
	}
	hosts := c.sshHosts()
	if f, ok := c.fileText("git.knownHosts", c.Git.KnownHosts); ok {
		f.Open = true
		c.problems = append(c.problems, contents.KnownHosts(f, hosts)...)
	}
	if len(hosts) > 0 && c.Git.SSHKey == nil {
		c.warnf("BERTH1523", "codeHosts.file", "add  git: {sshKey: {file: id_sourcegraph}, knownHosts: known_hosts}  or clone by HTTPS",
			"%s is cloned by SSH, and there is no git.sshKey", hosts[0].Name)
		c.problems[len(c.problems)-1].Detail = []string{hosts[0].From}
	}
}

// fileText is a file that a key names. It is not ok where the file is not there or empty, which the rule files reports.
func (c *checker) fileText(path, name string) (f contents.File, ok bool) {
	if name == "" {
		return f, false
	}
	data, err := c.world.ReadFile(name)
	f = contents.File{Key: path, Name: name, Data: data, At: c.doc.At(path)}
	return f, err == nil && len(bytes.TrimSpace(data)) > 0
}

// hiddenText is what a secret holds. It is not ok where it is not there, which the rule secrets reports.
func (c *checker) hiddenText(path string, s *config.Secret) (f contents.File, ok bool) {
	switch {
	case s == nil:
		return f, false
	case s.Env != "":
		f = contents.File{Key: path + ".env", Data: []byte(c.world.Getenv(s.Env)), At: c.doc.At(path + ".env")}
		return f, len(f.Data) > 0
	}
	return c.fileText(path+".file", s.File)
}

// valueText is the text of an address, or of the secret that has it, where it can be read here.
func (c *checker) valueText(path string, v *config.Value) (f contents.File, ok bool) {
	if v == nil || v.Secret == nil && v.Text == "" {
		return f, false
	}
	if v.Secret != nil {
		return c.hiddenText(path, v.Secret)
	}
	return contents.File{Key: path, Data: []byte(v.Text), At: c.doc.At(path)}, true
}

// sshHosts are the hosts that the connections in the file of code hosts clone from by SSH.
func (c *checker) sshHosts() []contents.Host {
	if c.CodeHosts == nil || c.world.Catalogue == nil {
		return nil
	}
	f, ok := c.fileText("codeHosts.file", c.CodeHosts.File)
	if !ok {
		return nil
	}
	return contents.SSHHosts(f, c.world.Catalogue.Configuration())
}

// configurations: Sourcegraph can read its own configuration files, and the collector its.
func (c *checker) configurations() {
	if c.Tracing != nil {
		if f, ok := c.fileText("tracing.collector", c.Tracing.Collector); ok {
			c.problems = append(c.problems, contents.Collector(f)...)
		}
	}
	if c.world.Catalogue == nil {
		return
	}
	for _, r := range []struct {
		key  string
		file *config.ConfigFile
		read func(contents.File, *catalogue.Configuration) diag.List
	}{
		{"siteConfig.file", c.SiteConfig, contents.SiteConfig},
		{"codeHosts.file", c.CodeHosts, contents.CodeHosts},
		{"settings.file", c.Settings, contents.GlobalSettings},
	} {
		if r.file == nil {
			continue
		}
		if f, ok := c.fileText(r.key, r.file.File); ok {
			c.problems = append(c.problems, r.read(f, c.world.Catalogue.Configuration())...)
		}
	}
}
