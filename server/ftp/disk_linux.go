package ftp

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"
)

// The control goroutine moves bytes of small files itself, and answers nothing meanwhile.
// So it reads only what is in memory, and writes only where that is a copy to memory: on
// a file system of this machine, and not of a server or a process that may not answer.

// A diskKind is what is known of a file system.
type diskKind int32

const (
	unknownDisk diskKind = iota
	remoteDisk
	localDisk
	memoryDisk
)

// diskKinds are those of file systems by their numbers (linux/magic.h).
var diskKinds = map[int64]diskKind{
	0x01021994: memoryDisk, // tmpfs
	0x858458f6: memoryDisk, // ramfs
	0xef53:     localDisk,  // ext4
	0x58465342: localDisk,  // xfs
	0x9123683e: localDisk,  // btrfs
	0xf2f52010: localDisk,  // f2fs
	0x2fc12fc1: localDisk,  // zfs
}

// disks has the kinds by device. To ask for one may take for ever.
var disks sync.Map

// diskOf returns what is known of the file system of a file. Where nothing is yet, it
// is asked for.
func diskOf(f *os.File) diskKind {
	rc, err := f.SyscallConn()
	if err != nil {
		return unknownDisk
	}
	var st syscall.Stat_t
	if cerr := rc.Control(func(fd uintptr) { err = syscall.Fstat(int(fd), &st) }); cerr != nil || err != nil {
		return unknownDisk
	}
	known, _ := disks.LoadOrStore(uint64(st.Dev), unknownDisk)
	if kind := known.(diskKind); kind != unknownDisk {
		return kind
	}
	fd := unmanagedCopy(f)
	if fd < 0 || !disks.CompareAndSwap(uint64(st.Dev), unknownDisk, remoteDisk) {
		if fd >= 0 {
			syscall.Close(fd)
		}
		return unknownDisk
	}
	go func() {
		defer syscall.Close(fd)
		var fs syscall.Statfs_t
		if err := syscall.Fstatfs(fd, &fs); err != nil {
			return
		}
		if kind, ok := diskKinds[int64(fs.Type)]; ok { //nolint:unconvert // an int32 on some machines
			disks.Store(uint64(st.Dev), kind)
		}
	}()
	return unknownDisk
}

// canReadNow reports whether a part of a file is in memory.
func canReadNow(f *os.File, offset, size int64) bool {
	switch diskOf(f) {
	case memoryDisk:
		return true
	case localDisk:
		return size <= blockSize && readNow(f, offset, int(size))
	}
	return false
}

// canWriteNow reports whether a write to a file is a copy to memory.
func canWriteNow(f *os.File) bool {
	kind := diskOf(f)
	return kind == memoryDisk || kind == localDisk
}

// preadv2 is the number of that system call, on machines where an offset is one word.
var preadv2 = map[string]uintptr{"amd64": 327, "arm64": 286, "riscv64": 286, "loong64": 286}[runtime.GOARCH]

// readNow reads without waiting for a disk, and reports whether it has got everything.
func readNow(f *os.File, offset int64, size int) bool {
	if size == 0 {
		return true
	}
	if preadv2 == 0 {
		return false
	}
	rc, err := f.SyscallConn()
	if err != nil {
		return false
	}
	block := getFullBlock()
	defer putBlock(block)
	got := 0
	_ = rc.Control(func(fd uintptr) {
		const noWait = 8 // RWF_NOWAIT of linux/fs.h
		part := syscall.Iovec{Base: &block[0]}
		part.SetLen(size)
		n, _, errno := syscall.Syscall6(preadv2, fd, uintptr(unsafe.Pointer(&part)), 1, uintptr(offset), 0, noWait) //nolint:gosec // the kernel writes no more than size
		if errno == 0 {
			got = int(n)
		}
	})
	return got == size
}
