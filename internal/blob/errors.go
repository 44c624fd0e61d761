package blob

import (
	"errors"
	"io/fs"
	"syscall"

	"steno/internal/fail"

	"gocloud.dev/gcerrors"
)

// Error codes of this package.
const (
	CodeBadURL      = "STORAGE_URL_INVALID"
	CodeBadKey      = "STORAGE_KEY_INVALID"
	CodeNotFound    = "OBJECT_NOT_FOUND"
	CodeFull        = "STORAGE_FULL"
	CodeDenied      = "STORAGE_ACCESS_DENIED"
	CodeUnavailable = "STORAGE_UNAVAILABLE"
	CodeChecksum    = "STORAGE_CHECKSUM_MISMATCH"
)

func isNotFound(err error) bool {
	return gcerrors.Code(err) == gcerrors.NotFound || errors.Is(err, fs.ErrNotExist)
}

// classify says in one sentence what failed where, and which kind of trouble
// it is: a missing object, a full disk, no permission, or a store that is away.
func classify(err error, doing, where string) error {
	switch {
	case fail.As(err) != nil:
		return err
	case isNotFound(err):
		return fail.Wrap(err, fail.NotFound, CodeNotFound, "%s %s: no such object or bucket", doing, where)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fail.Wrap(err, fail.Unavailable, CodeFull, "%s %s: no space left", doing, where)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), gcerrors.Code(err) == gcerrors.PermissionDenied:
		return fail.Wrap(err, fail.Unavailable, CodeDenied, "%s %s: not permitted", doing, where)
	}
	return fail.Wrap(err, fail.Unavailable, CodeUnavailable, "%s %s: the storage does not answer as it should", doing, where)
}
