package storage

import (
	"os"
	"testing"
)

// benchTree has the file /a/b/c/f, three folders deep, and /f.
func benchTree(b *testing.B) *Local {
	b.Helper()
	l, err := OpenLocal(b.TempDir(), "home")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	for _, dir := range []string{"/a", "/a/b", "/a/b/c"} {
		if err := l.Mkdir(dir, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	for _, name := range []string{"/f", "/a/b/c/f"} {
		f, err := l.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	return l
}

func BenchmarkOpenFile(b *testing.B) {
	for name, path := range map[string]string{"deep": "/a/b/c/f", "top": "/f"} {
		b.Run(name, func(b *testing.B) {
			l := benchTree(b)
			for b.Loop() {
				f, err := l.OpenFile(path, os.O_RDONLY, 0)
				if err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}

func BenchmarkStat(b *testing.B) {
	for name, path := range map[string]string{"deep": "/a/b/c/f", "top": "/f"} {
		b.Run(name, func(b *testing.B) {
			l := benchTree(b)
			for b.Loop() {
				if _, err := l.Stat(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMakeAndRemove(b *testing.B) {
	l := benchTree(b)
	for b.Loop() {
		f, err := l.OpenFile("/a/b/c/new", os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
		if err := l.Remove("/a/b/c/new"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList(b *testing.B) {
	l := benchTree(b)
	for i := range 500 {
		f, err := l.OpenFile("/a/"+string(rune('a'+i%26))+string(rune('a'+i/26)), os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	for b.Loop() {
		for _, err := range l.List("/a") {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
