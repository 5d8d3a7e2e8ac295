package embedded

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options are the settings of an engine. The zero value is what a server uses.
type Options struct {
	Logger *slog.Logger     // nil discards
	FS     vfs.FS           // the file system; nil is the real one
	Now    func() time.Time // the clock of change log, expiry and $currentDate; nil is time.Now

	CacheBytes    int64 // block cache; 0 is a quarter of the machine's memory, from 64 MiB to 4 GiB
	MemtableBytes int64 // size of one memtable; 0 is 32 MiB
	QueryBytes    int64 // what one query may keep in memory for sorting; 0 is 64 MiB
	// QueryPoolBytes is what all queries together may keep in memory for sorting; 0 is a sixteenth of the machine's
	// memory, from 64 to 256 MiB.
	QueryPoolBytes int64

	TransactionBytes int // what one transaction may write; 0 is 16 MiB

	LogAge   time.Duration // how long change-log entries are kept; 0 is 24 hours
	LogBytes int64         // how many bytes of change log an app keeps; 0 is 1 GiB

	// TrashAge is how long a dropped collection can be brought back; 0 is 7 days, negative removes it at once.
	TrashAge time.Duration

	SweepInterval time.Duration // pause between runs of expiry and retention; 0 is 30 seconds
	LockWait      time.Duration // how long a write waits for a transaction that wrote the same document; 0 is 5 seconds

	// DiskReserve is the size of a file that is given up when the disk is full, so that what is being written can be
	// finished; 0 is 64 MiB, negative is none.
	DiskReserve int64

	// OnFailure is called once when the store can no longer be written safely, such as after a failed disk write.
	// From then on every operation returns the error; the process should end. nil only logs.
	OnFailure func(error)

	tune func(*pebble.Options) // for benchmarks that compare layouts
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = min(max(machineMemory()/4, 64<<20), 4<<30)
	}
	if o.MemtableBytes == 0 {
		o.MemtableBytes = 32 << 20
	}
	if o.QueryBytes == 0 {
		o.QueryBytes = 64 << 20
	}
	if o.QueryPoolBytes == 0 {
		o.QueryPoolBytes = min(max(machineMemory()/16, 64<<20), 256<<20)
	}
	if o.TransactionBytes == 0 {
		o.TransactionBytes = maxTransactionBytes
	}
	if o.LogAge == 0 {
		o.LogAge = 24 * time.Hour
	}
	if o.LogBytes == 0 {
		o.LogBytes = 1 << 30
	}
	if o.TrashAge == 0 {
		o.TrashAge = 7 * 24 * time.Hour
	}
	if o.SweepInterval == 0 {
		o.SweepInterval = 30 * time.Second
	}
	if o.LockWait == 0 {
		o.LockWait = 5 * time.Second
	}
	if o.DiskReserve == 0 {
		o.DiskReserve = 64 << 20
	}
	return o
}
