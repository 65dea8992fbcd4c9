package config

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// Events says where the server tells what clients have done to files, and what.
type Events struct {
	// Sink is the URL to which events are posted.
	Sink string `json:"sink"`
	// CA has the certificates, in PEM, by which that of the sink is checked; default those
	// of the system.
	CA string `json:"ca,omitempty"`
	// Types are the events that are told; default all.
	Types []EventType `json:"types,omitempty"`
	// Paths are patterns of the paths, as users see them, of which something is told; default
	// all. "*" stands for any part of a name, and "**" for any number of folders.
	Paths []string `json:"paths,omitempty"`

	// CredentialsDir is the absolute path of a folder with the file [EventsToken], or with
	// [EventsUsername] and [EventsPassword]; default none.
	CredentialsDir string `json:"credentialsDir,omitempty" change:"cold"`
	// Server and Namespace are the name and the namespace that events tell.
	Server    string `json:"server" change:"cold"`
	Namespace string `json:"namespace" change:"cold"`
}

// Files with the credentials for a sink.
const (
	EventsToken    = "token" // a bearer token (RFC 6750)
	EventsUsername = "username"
	EventsPassword = "password"
)

// EventType is what has happened.
type EventType string

const (
	// EventUploadCompleted is a file that was uploaded, or written to.
	EventUploadCompleted EventType = "UploadCompleted"
	// EventFileRenamed is a file or folder that has another name.
	EventFileRenamed EventType = "FileRenamed"
	// EventFileDeleted is a file that is gone.
	EventFileDeleted EventType = "FileDeleted"
)

// Wants says whether events of a type are told.
func (e *Events) Wants(t EventType) bool { return len(e.Types) == 0 || slices.Contains(e.Types, t) }

// EventsState says how the events of a pod are delivered.
type EventsState struct {
	// Undelivered is how many the receiver has not taken yet, and Dead how many it never
	// will; those are of all pods.
	Undelivered int `json:"undelivered"`
	Dead        int `json:"dead"`
	// Failing says why it takes none; empty if it does.
	Failing string `json:"failing,omitempty"`
	// Full is true while so many events wait that uploads are refused.
	Full bool `json:"full,omitempty"`
}

func (e *Events) validate(p *problems) {
	if u, err := url.Parse(e.Sink); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		p.add("events.sink", "is no URL such as https://intake.example.com/events, without a user's name in it")
	}
	for _, t := range e.Types {
		if !slices.Contains([]EventType{EventUploadCompleted, EventFileRenamed, EventFileDeleted}, t) {
			p.add("events.types", "has %q; they are UploadCompleted, FileRenamed and FileDeleted", t)
		}
	}
	for _, pattern := range e.Paths {
		if _, err := path.Match(pattern, ""); err != nil || !strings.HasPrefix(pattern, "/") {
			p.add("events.paths", "has %q; it is a pattern such as /inbox/**", pattern)
		}
	}
	if e.CredentialsDir != "" && !path.IsAbs(e.CredentialsDir) {
		p.add("events.credentialsDir", "is %q; it is an absolute path", e.CredentialsDir)
	}
	for field, name := range map[string]string{"server": e.Server, "namespace": e.Namespace} {
		if name == "" || strings.ContainsAny(name, "/\x00") || strings.HasPrefix(name, ".") {
			p.add("events."+field, "is %q; it is a name of Kubernetes", name)
		}
	}
}
