//go:build editors

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// parsePowerShell prints where PowerShell's grammar does not accept a script. It gets the folder of the grammar and the script.
const parsePowerShell = `
import { createRequire } from 'node:module';
import fs from 'node:fs';
const [folder, script] = process.argv.slice(1);
const { Parser, Language } = createRequire(folder + '/')('web-tree-sitter');
await Parser.init();
const parser = new Parser();
parser.setLanguage(await Language.load(folder + '/node_modules/tree-sitter-powershell/tree-sitter-powershell.wasm'));
const walk = node => {
  if (node.isError || node.isMissing) console.log('line ' + (node.startPosition.row + 1) + ': ' + node.text.slice(0, 100));
  node.children.forEach(walk);
};
walk(parser.parse(fs.readFileSync(script, 'utf8')).rootNode);
`

// TestPowerShellReadsCompletion: PowerShell's grammar accepts the whole script that completes berth's commands. No package that the test bed can have holds
// PowerShell itself, so what its Tab key makes of it is only tested where pwsh is: TestShells.
func TestPowerShellReadsCompletion(t *testing.T) {
	folder := os.Getenv("POWERSHELL_GRAMMAR")
	if folder == "" {
		t.Fatal("POWERSHELL_GRAMMAR names no folder; run: make shells")
	}
	completion := exec.Command(os.Args[0], "completion", "powershell")
	completion.Env = append(os.Environ(), "BERTH_TEST_PROGRAM=1")
	script, err := completion.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, script string
		accepted     bool
	}{
		{"as it is", string(script), true},
		{"a brace less", strings.Replace(string(script), "} else {", "} else ", 1), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "berth.ps1")
			if err := os.WriteFile(file, []byte(c.script), 0o600); err != nil {
				t.Fatal(err)
			}
			said, err := exec.Command("node", "--input-type=module", "--eval", parsePowerShell, folder, file).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if accepted := len(said) == 0; accepted != c.accepted {
				t.Errorf("accepted %v:\n%s", accepted, said)
			}
		})
	}
}
