package audit

import (
	"errors"
	"io/fs"
	"syscall"
)

// Reason says, in one word, why something did not succeed, or why a session has ended.
type Reason string

// Why something was not done to a file.
const (
	PermissionDenied Reason = "PermissionDenied"
	NotFound         Reason = "NotFound"
	Exists           Reason = "Exists"
	NotEmpty         Reason = "NotEmpty"
	NotDirectory     Reason = "NotDirectory"
	IsDirectory      Reason = "IsDirectory"
	NoSpace          Reason = "NoSpace"
	QuotaExceeded    Reason = "QuotaExceeded"
	TooLarge         Reason = "TooLarge"
	Busy             Reason = "Busy"
	InvalidName      Reason = "InvalidName"
	Unsupported      Reason = "Unsupported"
	TransferCut      Reason = "TransferCut"
	Error            Reason = "Error"
)

// Why somebody was not let in.
const (
	UnknownUser        Reason = "UnknownUser"
	WrongPassword      Reason = "WrongPassword"
	WrongKey           Reason = "WrongKey"
	KeyRefused         Reason = "KeyRefused"
	CertificateRefused Reason = "CertificateRefused"
	SecondProofNeeded  Reason = "SecondProofNeeded"
	UserSuspended      Reason = "UserSuspended"
	UserExpired        Reason = "UserExpired"
	ProtocolRefused    Reason = "ProtocolRefused"
	AddressRefused     Reason = "AddressRefused"
	AddressBanned      Reason = "AddressBanned"
	TooManySessions    Reason = "TooManySessions"
	ClientGone         Reason = "ClientGone"
	LoginRefused       Reason = "LoginRefused"
)

// Why a session has ended.
const (
	EndedQuit        Reason = "Quit"
	EndedLost        Reason = "Lost"
	EndedIdle        Reason = "Idle"
	EndedStalled     Reason = "Stalled"
	EndedTimeout     Reason = "LoginTimeout"
	EndedLoginFailed Reason = "LoginFailed"
	EndedDrain       Reason = "Drain"
	EndedAccount     Reason = "AccountChanged"
	EndedLimit       Reason = "Limit"
	EndedGarbage     Reason = "Garbage"
	EndedAlgorithms  Reason = "NoCommonAlgorithm"
	EndedLogout      Reason = "Logout"
)

// Reasons are all that there are.
var Reasons = []Reason{
	PermissionDenied, NotFound, Exists, NotEmpty, NotDirectory, IsDirectory, NoSpace, QuotaExceeded, TooLarge, Busy,
	InvalidName, Unsupported, TransferCut, Error,
	UnknownUser, WrongPassword, WrongKey, KeyRefused, CertificateRefused, SecondProofNeeded, UserSuspended, UserExpired,
	ProtocolRefused, AddressRefused, AddressBanned, TooManySessions, ClientGone, LoginRefused,
	EndedQuit, EndedLost, EndedIdle, EndedStalled, EndedTimeout, EndedLoginFailed, EndedDrain, EndedAccount, EndedLimit,
	EndedGarbage, EndedAlgorithms, EndedLogout,
}

// ending are the words with which protocols say why a session has ended.
var ending = map[string]Reason{
	"quit": EndedQuit, "lost": EndedLost, "idle": EndedIdle, "stalled": EndedStalled, "login timeout": EndedTimeout,
	"login failed": EndedLoginFailed, "drain": EndedDrain, "ended": EndedAccount, "limit": EndedLimit,
	"garbage": EndedGarbage, "protocol": EndedGarbage, "algorithms": EndedAlgorithms, "logout": EndedLogout,
}

// reasonOf says why something was not done to a file. The order counts: numbers of the
// system come before the classes of io/fs that some of them belong to.
func reasonOf(err error) Reason {
	for _, r := range []struct {
		err    error
		reason Reason
	}{
		{syscall.EDQUOT, QuotaExceeded},
		{syscall.ENOSPC, NoSpace},
		{syscall.EFBIG, TooLarge},
		{syscall.EROFS, PermissionDenied},
		{syscall.ENOTEMPTY, NotEmpty},
		{syscall.ENOTDIR, NotDirectory},
		{syscall.EISDIR, IsDirectory},
		{syscall.EBUSY, Busy},
		{syscall.ENAMETOOLONG, InvalidName},
		{syscall.EILSEQ, InvalidName},
		{errors.ErrUnsupported, Unsupported},
		{fs.ErrNotExist, NotFound},
		{fs.ErrExist, Exists},
		{fs.ErrPermission, PermissionDenied},
		{fs.ErrInvalid, InvalidName},
	} {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return Error
}

// fail puts into a record why something was not done. What a rule or the volume forbids
// is refused; all else has failed.
func (r *Record) fail(err error) {
	r.Result, r.Reason, r.Message = Success, "", ""
	if err == nil {
		return
	}
	r.Result, r.Reason, r.Message = Failed, reasonOf(err), err.Error()
	if r.Reason == PermissionDenied {
		r.Result = Refused
	}
}
