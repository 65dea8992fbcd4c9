package main

import "time"

// A leg is a table of figures.
type leg struct {
	name    string
	about   string
	path    path
	figures []figure
}

const (
	mb        = "MB/s"
	megabyte  = 1e6
	gibibyte  = 1 << 30
	thousands = 1000
)

// path is what lies between the client and the servers' files.
type path struct {
	roundTrip time.Duration // 0 on the loopback
	folder    string        // of the files
}

// memory is a folder that is in memory.
const memory = "/dev/shm"

// legs are what there is to measure. Goals are minimums of a ratio above 1 if
// ours is better, except for those of the costs, which are maximums.
func legs(disk string) []leg {
	near, far := path{0, memory}, path{time.Millisecond, disk}
	return []leg{
		{"loopback", "clients on the same machine, files in memory; ratios above 1 mean that ours is better", near, loopbackFigures()},
		{"wire", "a round trip of 1 ms, files on a disk; ratios above 1 mean that ours is better", far, wireFigures()},
		{"cost", "the server's processor time; ratios below 1 mean that ours takes less", near, costFigures()},
	}
}

// none marks a figure that has no goal: it is for those who look at it.
const none = 0

func loopbackFigures() []figure {
	ftp, sftp := ftpProducts, sftpProducts
	return []figure{
		{name: "ftp_download", goal: 0.9, unit: mb, products: ftp, measure: speed(megabyte, ftpDownload(1, false))},
		{name: "ftp_upload", goal: 1.1, unit: mb, products: ftp, measure: speed(megabyte, ftpUpload(1, false))},
		{name: "ftps_download", goal: 1.2, unit: mb, products: ftp, measure: speed(megabyte, ftpDownload(1, true))},
		{name: "ftps_upload", goal: 1.5, unit: mb, products: ftp, measure: speed(megabyte, ftpUpload(1, true))},
		{name: "ftp_parallel_download", goal: 1.1, unit: mb, products: ftp, measure: speed(megabyte, ftpDownload(parallel, false))},
		{name: "ftp_parallel_upload", goal: 1.1, unit: mb, products: ftp, measure: speed(megabyte, ftpUpload(parallel, false))},
		{name: "ftps_parallel_download", goal: 1.3, unit: mb, products: ftp, measure: speed(megabyte, ftpDownload(parallel, true))},
		{name: "ftps_parallel_upload", goal: 1.3, unit: mb, products: ftp, measure: speed(megabyte, ftpUpload(parallel, true))},
		{name: "ftp_small_files", goal: none, unit: "files/s", products: ftp, measure: speed(1, ftpSmallFiles(false))},
		{name: "ftps_small_files", goal: 1.2, unit: "files/s", products: ftp, measure: speed(1, ftpSmallFiles(true))},
		{name: "ftp_logins", goal: 1, unit: "logins/s", products: ftp, measure: speed(1, ftpLogins)},
		{name: "ftp_idle_memory", goal: 10, unit: "KiB/session", less: true, fresh: true, products: ftp, measure: ftpIdleMemory},
		{name: "ftp_noop_p99", goal: 1, unit: "us", less: true, products: ftp, measure: ftpNoop},
		{name: "sftp_get", goal: 1.2, unit: mb, products: sftp, measure: speed(megabyte, sftpMove(1, get))},
		{name: "sftp_put", goal: 1.1, unit: mb, products: sftp, measure: speed(megabyte, sftpMove(1, put))},
		{name: "sftp_parallel_get", goal: 1.2, unit: mb, products: sftp, measure: speed(megabyte, sftpMove(sftpParallel, get))},
		{name: "sftp_parallel_put", goal: 1.2, unit: mb, products: sftp, measure: speed(megabyte, sftpMove(sftpParallel, put))},
		{name: "sftp_small_files", goal: 1, unit: "files/s", products: sftp, measure: speed(1, sftpSmall)},
		{name: "sftp_idle_memory", goal: 10, unit: "KiB/session", less: true, fresh: true, products: sftp, measure: sftpIdleMemory},
		{name: "sftp_logins", goal: 1.5, unit: "logins/s", products: sftp, measure: speed(1, sftpLogins)},
		{name: "sftp_get_50ms", goal: 1, unit: mb, products: sftp, measure: speed(megabyte, sftpDistant(get))},
		{name: "sftp_put_50ms", goal: 1, unit: mb, products: sftp, measure: speed(megabyte, sftpDistant(put))},
	}
}

func wireFigures() []figure {
	ftp, sftp := ftpProducts, sftpProducts
	return []figure{
		{name: "ftp_download", goal: 1, unit: mb, products: ftp, measure: speed(megabyte, ftpDownload(1, false))},
		{name: "ftp_upload", goal: 1, unit: mb, products: ftp, measure: speed(megabyte, ftpUpload(1, false))},
		{name: "ftps_download", goal: 1, unit: mb, products: ftp, measure: speed(megabyte, ftpDownload(1, true))},
		{name: "ftps_upload", goal: 1, unit: mb, products: ftp, measure: speed(megabyte, ftpUpload(1, true))},
		{name: "ftp_parallel_download", goal: 1, unit: mb, products: ftp, measure: speed(megabyte, ftpDownload(parallel, false))},
		{name: "ftp_parallel_upload", goal: 1, unit: mb, products: ftp, measure: speed(megabyte, ftpUpload(parallel, false))},
		{name: "ftps_parallel_download", goal: 1, unit: mb, products: ftp, measure: speed(megabyte, ftpDownload(parallel, true))},
		{name: "ftps_parallel_upload", goal: 1, unit: mb, products: ftp, measure: speed(megabyte, ftpUpload(parallel, true))},
		{name: "ftp_small_files", goal: 1, unit: "files/s", products: ftp, measure: speed(1, ftpSmallFiles(false))},
		{name: "ftps_small_files", goal: 1, unit: "files/s", products: ftp, measure: speed(1, ftpSmallFiles(true))},
		{name: "ftp_logins", goal: 1, unit: "logins/s", products: ftp, measure: speed(1, ftpLogins)},
		{name: "sftp_get", goal: 1, unit: mb, products: sftp, measure: speed(megabyte, sftpMove(1, get))},
		{name: "sftp_put", goal: 1, unit: mb, products: sftp, measure: speed(megabyte, sftpMove(1, put))},
		{name: "sftp_parallel_get", goal: 1, unit: mb, products: sftp, measure: speed(megabyte, sftpMove(sftpParallel, get))},
		{name: "sftp_parallel_put", goal: 1, unit: mb, products: sftp, measure: speed(megabyte, sftpMove(sftpParallel, put))},
		{name: "sftp_small_files", goal: 1, unit: "files/s", products: sftp, measure: speed(1, sftpSmall)},
		{name: "sftp_logins", goal: 1, unit: "logins/s", products: sftp, measure: speed(1, sftpLogins)},
	}
}

func costFigures() []figure {
	ftp, sftp := ftpProducts, sftpProducts
	const bytes, files, sessions = "s/GiB", "s/1000 files", "s/1000 logins"
	return []figure{
		{name: "ftp_download", goal: 1.1, unit: bytes, cost: true, products: ftp, measure: cost(gibibyte, ftpDownload(1, false))},
		{name: "ftp_upload", goal: 1.1, unit: bytes, cost: true, products: ftp, measure: cost(gibibyte, ftpUpload(1, false))},
		{name: "ftps_download", goal: 0.8, unit: bytes, cost: true, products: ftp, measure: cost(gibibyte, ftpDownload(1, true))},
		{name: "ftps_upload", goal: 0.6, unit: bytes, cost: true, products: ftp, measure: cost(gibibyte, ftpUpload(1, true))},
		{name: "ftp_small_files", goal: none, unit: files, cost: true, products: ftp, measure: cost(thousands, ftpSmallFiles(false))},
		{name: "ftps_small_files", goal: 1, unit: files, cost: true, products: ftp, measure: cost(thousands, ftpSmallFiles(true))},
		{name: "ftp_logins", goal: none, unit: sessions, cost: true, products: ftp, measure: cost(thousands, ftpLogins)},
		{name: "sftp_get", goal: 0.9, unit: bytes, cost: true, products: sftp, measure: cost(gibibyte, sftpMove(1, get))},
		{name: "sftp_put", goal: 0.9, unit: bytes, cost: true, products: sftp, measure: cost(gibibyte, sftpMove(1, put))},
		{name: "sftp_small_files", goal: 1, unit: files, cost: true, products: sftp, measure: cost(thousands, sftpSmall)},
		{name: "sftp_logins", goal: none, unit: sessions, cost: true, products: sftp, measure: cost(thousands, sftpLogins)},
	}
}
