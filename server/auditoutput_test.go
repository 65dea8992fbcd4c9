package server

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestATransferThatIsCutIsToldAsAborted(t *testing.T) {
	t.Parallel()
	i := start(t, atomicUploads)
	c := i.binary("alice")
	c.cut("STOR by-ftp", "half")
	r := i.rawSFTP()
	r.ask(3, "/by-sftp", uint32(2|8|16), uint32(0))
	r.ch.Close()
	ch, ack := i.exec("scp -t by-scp")
	ack()
	io.WriteString(ch, "C0644 20 by-scp\n")
	ack()
	io.WriteString(ch, "half")
	ch.Close()
	i.wantTold(
		`ftp upload aborted /by-ftp "reason":"TransferCut" "bytes":4`, `sftp upload aborted /by-sftp "reason":"TransferCut" "via":"sftp"`,
		`sftp upload aborted /by-scp "reason":"TransferCut" "via":"scp"`,
	)
}

// hotAudit is the test of what is hot about the audit trail.
var hotAudit = map[string]func(t *testing.T){
	"audit.output": func(t *testing.T) {
		i := start(t)
		c := i.user("alice")
		i.config.Audit.Output = config.AuditNone
		i.reloadFiles()
		c.command("MKD silent", "257")
		i.config.Audit.Output = config.AuditStdout
		i.reloadFiles()
		c.command("MKD told", "257")
		i.wantTold("ftp mkdir success /told")
		if n := len(i.told(audit.Mkdir)); n != 1 {
			t.Errorf("%d folders are told of in\n%s", n, i.trail)
		}
	},
}

func TestTheAuditTrailGoesToFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	i := start(t, func(i *instance) {
		i.config.Audit = config.Audit{Output: config.AuditFile, File: &config.AuditFiles{Folder: folder, MaxSize: 1 << 20, Keep: 1}}
	})
	i.user("alice").command("MKD folder", "257")
	names, err := filepath.Glob(filepath.Join(folder, "audit-*.jsonl"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil || !strings.Contains(string(b), `"event":"mkdir"`) || i.trail.String() != "" {
		t.Errorf("%v: the file has %s, and stdout %s", err, b, i.trail)
	}
}
