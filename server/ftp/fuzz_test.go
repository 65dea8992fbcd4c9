package ftp

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/lsformat"
)

// FuzzCommandLine reads lines from arbitrary input, as if it came in pieces.
func FuzzCommandLine(f *testing.F) {
	f.Add([]byte("USER alice\r\nPASS secret\r\n"), uint8(3))
	f.Add([]byte("\xff\xf4\xff\xf2ABOR\r\n"), uint8(1))
	f.Add([]byte("RETR \xff\xff\n\n\r\n \r\n"), uint8(200))
	f.Add(bytes.Repeat([]byte("x"), 200), uint8(7))
	f.Fuzz(func(t *testing.T, input []byte, piece uint8) {
		const limit = 64
		var l lineReader
		r := &pieces{input, int(piece)%17 + 1}
		for {
			line, err := l.readLine(r, limit)
			if errors.Is(err, errLineTooLong) {
				continue
			}
			if err != nil {
				if err != io.EOF && err != errFlood {
					t.Fatal(err)
				}
				return
			}
			if len(line) > limit || bytes.IndexByte(line, '\n') >= 0 || cap(l.buf) > 4*smallBuffer {
				t.Fatalf("line of %d bytes, buffer of %d", len(line), cap(l.buf))
			}
			verb, arg := parseCommand(string(line))
			if strings.Contains(verb, " ") || len(verb)+len(arg) > 3*len(line)+1 {
				t.Fatalf("%q became %q and %q", line, verb, arg)
			}
		}
	})
}

// pieces is a reader that returns n bytes at a time.
type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.b[:min(p.n, len(p.b))])
	p.b = p.b[n:]
	return n, nil
}

// FuzzArguments gives every argument parser the same input.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{
		"127,0,0,1,200,10", "|1|192.0.2.1|2121|", "|2|2001:db8::1|2121|", "20240229112233.5", "0644", "[::1]", "ftp.example.com",
		`"a ""b""" c 1 2`, "-la name", "-R", "Modify=20240229112233;UNIX.mode=0644; name", "5368709120", "", "|", `"`, "-", "2|||||",
		"20240229112233+0530", "d/*/[!a]?", `\[`, "[",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		if addr, err := parsePort(arg); err == nil && !addr.Addr().Is4() {
			t.Errorf("PORT %q: %v", arg, addr)
		}
		if addr, err := parseEprt(arg); err == nil && (!addr.IsValid() || addr.Addr().Zone() != "") {
			t.Errorf("EPRT %q: %v", arg, addr)
		}
		if tm, err := parseTime(arg); err == nil && tm.UTC().Format(timeFormat) != arg[:len(timeFormat)] {
			t.Errorf("time %q: %v", arg, tm)
		}
		parseShortTime(arg)
		parseZonedTime(arg)
		if dir, patterns := splitPatterns("/" + arg); len(dir)+len(patterns) > len(arg)+2 || dir != "" && dir[0] != '/' {
			t.Errorf("patterns of %q: %q, %q", arg, dir, patterns)
		}
		if mode, err := parseMode(arg); err == nil && mode.Type() != 0 {
			t.Errorf("mode %q: %v", arg, mode)
		}
		if n, err := parseSize(arg); err == nil && n < 0 {
			t.Errorf("size %q: %d", arg, n)
		}
		if host, err := parseHost(arg); err == nil && strings.ContainsAny(host, " /\r\n\x00") {
			t.Errorf("host %q: %q", arg, host)
		}
		flags, rest := listFlags(arg)
		if len(flags)+len(rest) > len(arg) {
			t.Errorf("flags of %q: %q, %q", arg, flags, rest)
		}
		if words, ok := splitQuoted(arg); ok {
			total := 0
			for _, word := range words {
				total += len(word)
			}
			if total > len(arg) {
				t.Errorf("words of %q: %q", arg, words)
			}
		}
		if name, start, end, err := rangeOf(strings.Split(arg, " ")); err == nil && (name == "" || start < 0 || end >= 0 && end < start) {
			t.Errorf("range of %q: %q, %d, %d", arg, name, start, end)
		}
	})
}

// FuzzResolvePath checks that no argument leaves the top.
func FuzzResolvePath(f *testing.F) {
	for _, seed := range [][2]string{{"/", "a"}, {"/a/b", "../../.."}, {"/a", "/../x"}, {"/", "a//b/./c/"}, {"/x", ""}, {"/", "..\\.."}, {"/", "\x00"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, dir, arg string) {
		dir, err := resolvePath("/", dir)
		if err != nil {
			return
		}
		name, err := resolvePath(dir, arg)
		if err != nil {
			return
		}
		if !path.IsAbs(name) || path.Clean(name) != name || strings.ContainsAny(name, "\x00\r\n") {
			t.Fatalf("%q in %q became %q", arg, dir, name)
		}
		for part := range strings.SplitSeq(name, "/") {
			if part == ".." || part == "." {
				t.Fatalf("%q in %q became %q", arg, dir, name)
			}
		}
		if again, err := resolvePath("/", name); err != nil || again != name {
			t.Fatalf("%q is not what it means: %q", name, again)
		}
		quoted := quotePath(name)
		if strings.ReplaceAll(quoted[1:len(quoted)-1], `""`, `"`) != name {
			t.Fatalf("%q was quoted as %q", name, quoted)
		}
	})
}

// entry is an fs.FileInfo of arbitrary content.
type entry struct {
	name, owner, target string
	size                int64
	mode                uint32
	unix                int64
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return e.size }
func (e entry) Mode() fs.FileMode  { return fs.FileMode(e.mode) }
func (e entry) ModTime() time.Time { return time.Unix(e.unix, 0) }
func (e entry) IsDir() bool        { return e.Mode().IsDir() }
func (e entry) Sys() any           { return nil }
func (e entry) Owner() string      { return e.owner }
func (e entry) Group() string      { return e.owner }
func (e entry) LinkTarget() string { return e.target }

// FuzzListing checks that nothing in a file system breaks the lines of a
// listing or the fields in them.
func FuzzListing(f *testing.F) {
	f.Add("name", "owner", "target", int64(1), uint32(0o644), int64(1700000000))
	f.Add("a\r\nb", "two words", "x;y", int64(-1), uint32(fs.ModeSymlink|0o777), int64(-62135596800))
	f.Add("", "", "", int64(1<<62), uint32(fs.ModeDir|fs.ModeSticky|0o1777), int64(253402300800))
	f.Fuzz(func(t *testing.T, name, owner, target string, size int64, mode uint32, unix int64) {
		const year9999 = 253402300799
		if unix > year9999 || unix < -62167219200 {
			return // no file system has such times
		}
		e := entry{name, owner, target, size, mode, unix}
		line := string(appendListEntry(nil, name, e, time.Unix(1700000000, 0)))
		checkLine(t, line)
		if fields := strings.Fields(line); len(fields) < 8 || len(fields[0]) != 10 {
			t.Fatalf("%q", line)
		}
		line = string(append(lsformat.AppendName(append(appendFacts(nil, allFacts, nil, "/"+name, e), ' '), name), "\r\n"...))
		checkLine(t, line)
		facts, _, ok := strings.Cut(line, "; ")
		if !ok {
			t.Fatalf("%q", line)
		}
		for fact := range strings.SplitSeq(facts, ";") {
			if key, _, ok := strings.Cut(fact, "="); !ok || key == "" {
				t.Fatalf("fact %q in %q", fact, line)
			}
		}
		checkLine(t, string(appendReply(nil, 250, strings.ReplaceAll(name, "\n", " "))))
	})
}

func checkLine(t *testing.T, line string) {
	t.Helper()
	body, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsAny(body, "\r\n\x00") && strings.ContainsAny(body, "\r\n") {
		t.Fatalf("not one line: %q", line)
	}
}

// FuzzASCII checks that what is translated there and back is unchanged, in
// pieces of any size.
func FuzzASCII(f *testing.F) {
	f.Add([]byte("one\ntwo\n\nthree"), uint8(2))
	f.Add([]byte("\r\r\n\r"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, piece uint8) {
		file := bytes.ReplaceAll(data, []byte("\r"), []byte(" "))
		var sent bytes.Buffer
		w := &asciiWriter{w: &sent}
		for r := (&pieces{file, int(piece)%9 + 1}); len(r.b) > 0; {
			var b [16]byte
			n, _ := r.Read(b[:])
			w.Write(b[:n])
		}
		if want := bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")); !bytes.Equal(sent.Bytes(), want) {
			t.Fatalf("%q was sent as %q", file, sent.Bytes())
		}
		got, err := io.ReadAll(&asciiReader{r: &pieces{sent.Bytes(), int(piece)%9 + 1}})
		if err != nil || !bytes.Equal(got, file) {
			t.Fatalf("%q came back as %q, %v", file, got, err)
		}
		// And what is no text at all loses nothing but CR before LF.
		got, err = io.ReadAll(&asciiReader{r: &pieces{data, int(piece)%9 + 1}})
		if err != nil || !bytes.Equal(got, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))) {
			t.Fatalf("%q was received as %q, %v", data, got, err)
		}
	})
}

// BenchmarkEntries formats one entry of a listing per operation.
func BenchmarkEntries(b *testing.B) {
	var info fs.FileInfo = entry{"name", "owner", "", 4096, 0o644, 1700000000}
	now := time.Now()
	var buf []byte
	b.Run("LIST", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = appendListEntry(buf[:0], "name", info, now)
		}
	})
	b.Run("MLSD", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = appendFacts(buf[:0], allFacts, nil, "/name", info)
		}
	})
}
