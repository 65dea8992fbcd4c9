package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// dataAttacks misuse data connections.
var dataAttacks = []attack{
	{"data-never-comes", "ask for passive mode and an upload, and never connect", 4, func(ctx context.Context, w *worker) {
		f, err := w.login(malloryUser)
		if err != nil {
			return
		}
		for range 20 {
			if f.ask("EPSV") != nil || f.ask("STOR never-%d", w.host.Load()) != nil {
				return
			}
			if f.read() != nil && ctx.Err() != nil {
				return
			}
		}
	}},
	{"stalled-upload", "begin an upload and send no more", 10, func(ctx context.Context, w *worker) {
		f, data, err := w.transfer("STOR stalled-%d", w.host.Load())
		if err != nil {
			return
		}
		data.Write(make([]byte, 100_000))
		hold(ctx, 5*time.Minute, f.Conn)
	}},
	{"never-closed", "send all of a file and leave the data connection open", 10, func(ctx context.Context, w *worker) {
		f, data, err := w.transfer("STOR open-%d", w.host.Load())
		if err != nil {
			return
		}
		for ctx.Err() == nil { // a byte now and then is no stall
			if _, err := data.Write([]byte("x")); err != nil {
				break
			}
			pause(ctx, time.Second)
		}
		f.Close()
	}},
	{"stalled-download", "begin a download and read none of it", 10, func(ctx context.Context, w *worker) {
		f, _, err := w.transfer("RETR " + largeFile)
		if err != nil {
			return
		}
		hold(ctx, 5*time.Minute, f.Conn)
	}},
	{"listings", "ask for listings and read none of them", 4, func(ctx context.Context, w *worker) {
		f, _, err := w.transfer("LIST -R")
		if err != nil {
			return
		}
		hold(ctx, 5*time.Minute, f.Conn)
	}},
	{"vanishing", "leave in the middle of uploads and downloads", 4, func(ctx context.Context, w *worker) {
		for i, verb := range []string{"STOR vanished-%d", "RETR " + largeFile + "%.0d"} {
			f, data, err := w.transfer(verb, w.host.Load()*uint32(1-i))
			if err != nil {
				return
			}
			data.Write(make([]byte, 70_000))
			data.(*net.TCPConn).SetLinger(0)
			data.Close()
			f.Conn.(*net.TCPConn).SetLinger(0)
			f.Close()
		}
	}},
	{"silent-candidates", "connect to passive ports of others and say nothing", 1, func(ctx context.Context, w *worker) {
		var conns []net.Conn
		for range 12 {
			for p := range passivePorts {
				if c, err := w.dial(w.PassiveFirst + p); err == nil {
					conns = append(conns, c)
				}
			}
		}
		hold(ctx, time.Second, conns...)
	}},
}

// transfer logs in and begins one by passive mode.
func (w *worker) transfer(format string, args ...any) (*control, net.Conn, error) {
	f, err := w.login(malloryUser)
	if err != nil {
		return nil, nil, err
	}
	if err := f.ask("EPSV"); err != nil {
		return nil, nil, err
	}
	_, port, _ := strings.Cut(f.reply, "(|||")
	port, _, _ = strings.Cut(port, "|")
	p, err := strconv.Atoi(port)
	if err != nil {
		return nil, nil, fmt.Errorf("%q names no port", f.reply)
	}
	data, err := w.dial(p)
	if err != nil {
		return nil, nil, err
	}
	return f, data, f.ask(format, args...)
}
