// Package agent renders the objects that run berth agent every hour: systemd units for a Docker host, and a CronJob for a cluster. Both
// have the rights that the agent needs, and no others. Pure.
package agent

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// MadeBy is the comment that every file begins with.
const MadeBy = "What runs berth agent, made by berth from sourcegraph.yaml. Don't edit it: render it again."

// Host is a Docker host with an installation.
type Host struct {
	Installation string
	Program      string // berth itself, as an absolute path
	Folder       string // of the config, as an absolute path: the only writable one
	File         string // the config in it
	User         string // the user that owns the installation's state, and may use the engine
	// Environment are the variables with which berth reaches the engine, such as DOCKER_HOST.
	Environment map[string]string
	// Secrets are the variables with the config's secrets. They are in a file that only root reads.
	Secrets []string
}

// Unit is the name of the units, without their ending.
func (h Host) Unit() string { return "berth-agent-" + h.Installation }

// SecretsFile is the file with the variables of the secrets.
func (h Host) SecretsFile() string { return "/etc/berth/" + h.Installation + ".env" }

// Service is the unit that runs the agent once.
func (h Host) Service() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n[Unit]\nDescription=Upgrades of the Sourcegraph installation %s by berth agent\n", MadeBy, h.Installation)
	b.WriteString("Wants=network-online.target\nAfter=network-online.target docker.service\n\n[Service]\nType=oneshot\n")
	fmt.Fprintf(&b, "User=%s\nWorkingDirectory=%s\n", h.User, percent(h.Folder))
	for _, name := range slices.Sorted(maps.Keys(h.Environment)) {
		fmt.Fprintf(&b, "Environment=%s\n", quoted(name+"="+h.Environment[name]))
	}
	if len(h.Secrets) > 0 {
		fmt.Fprintf(&b, "# Readable only by root (0600): lines NAME=VALUE of %s.\nEnvironmentFile=%s\n", strings.Join(h.Secrets, ", "), h.SecretsFile())
	}
	fmt.Fprintf(&b, "ExecStart=%s agent --config %s\n", quoted(h.Program), argument(h.File))
	b.WriteString(`# 2 means that an upgrade waits for the window or for a person: berth status shows which.
SuccessExitStatus=2
# The first signal lets the current step finish; the next run continues from there.
KillMode=mixed
TimeoutStopSec=5min

`)
	// The agent reads its config, writes into the config's folder, and connects to the engine, to registries and to Sourcegraph's URL.
	fmt.Fprintf(&b, "UMask=0077\nNoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=read-only\nReadWritePaths=%s\n", quoted(h.Folder))
	b.WriteString(`PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
AmbientCapabilities=
`)
	capabilities := ""
	if h.User == "root" {
		capabilities = "CAP_DAC_OVERRIDE" // for files in the folder that belong to other users
	}
	fmt.Fprintf(&b, "CapabilityBoundingSet=%s\n", capabilities)
	return []byte(b.String())
}

// Timer is the unit that starts the service every hour. Each host has another delay, but always the same, so that every window of an hour
// has a run.
func (h Host) Timer() []byte {
	return fmt.Appendf(nil, `# %s
[Unit]
Description=Upgrades of the Sourcegraph installation %s, every hour

[Timer]
OnCalendar=hourly
RandomizedDelaySec=30min
FixedRandomDelay=yes
Persistent=yes

[Install]
WantedBy=timers.target
`, MadeBy, h.Installation)
}

// percent escapes a text in which systemd would look for specifiers.
func percent(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// quoted writes a text as one word of a unit.
func quoted(text string) string {
	text = percent(text)
	if !strings.ContainsAny(text, " \t\"'\\;") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// argument writes a text as one word of a command, where $ begins a variable.
func argument(text string) string { return quoted(strings.ReplaceAll(text, "$", "$$")) }

// within is a file's absolute path in a folder.
func within(folder, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(folder, name)
}
