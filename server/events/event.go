package events

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Types of events, as CloudEvents name them.
const (
	// UploadCompleted is told of a file that was uploaded, or written to.
	UploadCompleted = "dev.fileserver.upload.completed"
	// FileRenamed is told of a file or folder that a client has given another name.
	FileRenamed = "dev.fileserver.file.renamed"
	// FileDeleted is told of a file that a client has removed.
	FileDeleted = "dev.fileserver.file.deleted"
)

// Data is what an event says. docs/events.md describes it.
type Data struct {
	Server    string `json:"server"`
	Namespace string `json:"namespace"`
	User      string `json:"user"`
	Protocol  string `json:"protocol"`
	Session   string `json:"session"`
	Address   string `json:"address"`
	// Path is that of the file as the user sees it, and Location as the top of the storage
	// has it, with the user's home.
	Path     string `json:"path"`
	Location string `json:"location"`
	// OldPath and OldLocation are what it was before it was renamed.
	OldPath     string `json:"oldPath,omitempty"`
	OldLocation string `json:"oldLocation,omitempty"`
	// LocationBytes is Location, in base64, if that is no UTF-8.
	LocationBytes []byte `json:"locationBytes,omitempty"`
	Bytes         *int64 `json:"bytes,omitempty"`
	// InPlace says that a file was written to that was visible before.
	InPlace bool `json:"inPlace,omitempty"`
	Folder  bool `json:"folder,omitempty"`
}

// envelope is a CloudEvent in structured mode
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
type envelope struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        string `json:"type"`
	Subject     string `json:"subject,omitempty"`
	Time        string `json:"time"`
	ContentType string `json:"datacontenttype"`
	Data        Data   `json:"data"`
}

// encode returns the bytes that are delivered, each time the same.
func encode(id, kind string, at time.Time, d Data) ([]byte, error) {
	e := envelope{
		SpecVersion: "1.0", ID: id, Source: "/namespaces/" + d.Namespace + "/fileservers/" + d.Server, Type: kind,
		Time: at.UTC().Format(time.RFC3339Nano), ContentType: "application/json", Data: d,
	}
	if !utf8.ValidString(d.Location) {
		e.Data.LocationBytes = []byte(d.Location)
	} else if !strings.ContainsFunc(d.Location, unicode.IsControl) {
		e.Subject = strings.TrimPrefix(d.Location, "/") // what has control characters may be no attribute
	}
	return json.Marshal(e)
}
