package config

import "path"

// AuditOutput says where the lines of the audit trail are written.
type AuditOutput string

const (
	// AuditStdout writes them to stdout, with all else that the server logs.
	AuditStdout AuditOutput = "Stdout"
	// AuditFile writes them to files in [Audit.File].
	AuditFile AuditOutput = "File"
	// AuditNone writes none. They are counted still.
	AuditNone AuditOutput = "None"
)

// Audit says where the audit trail is written.
type Audit struct {
	// Output is Stdout, File or None; default Stdout.
	Output AuditOutput `json:"output,omitempty"`
	// File has the files, which the output File needs.
	File *AuditFiles `json:"file,omitempty" change:"cold"`
}

// AuditFiles are those of all pods in a folder, which they may share. The one to which a
// pod writes is "audit-<pod>.jsonl".
type AuditFiles struct {
	Folder string `json:"folder"` // absolute path
	// MaxSize is how many bytes a file has before another one begins.
	MaxSize int64 `json:"maxSize"`
	// Keep is how many full files are kept in the folder, besides those that are written.
	Keep int `json:"keep"`
}

func (a *Audit) validate(p *problems) {
	switch a.Output {
	case "", AuditStdout, AuditNone:
	case AuditFile:
		if a.File == nil {
			p.add("audit.file", "is missing; the output File needs it")
		}
	default:
		p.add("audit.output", "is %q; it is Stdout, File or None", a.Output)
	}
	if f := a.File; f != nil {
		if !path.IsAbs(f.Folder) {
			p.add("audit.file.folder", "is %q; it is an absolute path", f.Folder)
		}
		if f.MaxSize < 1 {
			p.add("audit.file.maxSize", "is %d; it is at least 1 byte", f.MaxSize)
		}
		if f.Keep < 0 {
			p.add("audit.file.keep", "is negative")
		}
	}
}
