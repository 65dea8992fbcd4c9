package audit

// Version is the version of the lines, as their field "audit" has it. Whoever adds a field
// or a value raises the second number; whoever takes one away, or gives one another
// meaning, raises the first.
const Version = "1.0"

// Record is a line. Fields that do not apply are left out.
type Record struct {
	Audit    string `json:"audit"`
	Time     string `json:"time"`
	Event    Event  `json:"event"`
	Result   Result `json:"result"`
	Reason   Reason `json:"reason,omitempty"`
	Message  string `json:"message,omitempty"`
	Pod      string `json:"pod"`
	Protocol string `json:"protocol"`
	Session  string `json:"session"`
	User     string `json:"user,omitempty"`
	Address  string `json:"address"`
	Port     uint16 `json:"port"`
	Via      string `json:"via,omitempty"`
	Verb     string `json:"verb,omitempty"`
	Path     string `json:"path,omitempty"`
	Target   string `json:"target,omitempty"`
	Cut      bool   `json:"cut,omitempty"`
	Mode     string `json:"mode,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Modified string `json:"modified,omitempty"`
	Accessed string `json:"accessed,omitempty"`
	Size     *int64 `json:"size,omitempty"`
	Offset   int64  `json:"offset,omitempty"`
	Bytes    *int64 `json:"bytes,omitempty"`
	Duration *int64 `json:"durationMs,omitempty"`
	Times    int    `json:"times,omitempty"`
	Method   string `json:"method,omitempty"`
	Key      string `json:"key,omitempty"`
	TLS      string `json:"tls,omitempty"`
	Cipher   string `json:"cipher,omitempty"`
	Client   string `json:"client,omitempty"`
	Commands *int   `json:"commands,omitempty"`
	Download *int64 `json:"downloaded,omitempty"`
	Upload   *int64 `json:"uploaded,omitempty"`
}

// Event is what was done, or refused.
type Event string

// All events.
const (
	SessionStart Event = "session-start"
	SessionEnd   Event = "session-end"
	Login        Event = "login"
	Logout       Event = "logout"
	Upload       Event = "upload"
	Download     Event = "download"
	Delete       Event = "delete"
	Rename       Event = "rename"
	Mkdir        Event = "mkdir"
	Rmdir        Event = "rmdir"
	Chmod        Event = "chmod"
	Chtimes      Event = "chtimes"
	Chown        Event = "chown"
	Truncate     Event = "truncate"
	Link         Event = "link"
	Symlink      Event = "symlink"
	Copy         Event = "copy"
	Combine      Event = "combine"
	Checksum     Event = "checksum"
	List         Event = "list"
	Stat         Event = "stat"
	Omitted      Event = "omitted"
)

// Events are all that there are.
var Events = []Event{
	SessionStart, SessionEnd, Login, Logout, Upload, Download, Delete, Rename, Mkdir, Rmdir, Chmod, Chtimes, Chown,
	Truncate, Link, Symlink, Copy, Combine, Checksum, List, Stat, Omitted,
}

// Result is how it went.
type Result string

// All results.
const (
	Success Result = "success"
	Refused Result = "refused"
	Failed  Result = "failed"
	Aborted Result = "aborted"
)

// Results are all that there are.
var Results = []Result{Success, Refused, Failed, Aborted}
