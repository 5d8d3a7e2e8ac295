package node

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"yunduo/functions/runtime"
)

// V8's compiled form of a function's code halves its first call where packages are large. The check of a deployment makes
// one before any request has come, and it is kept on disk for the first process of the version, also after a restart. What
// processes offer that have served requests stays in memory: whoever has got hold of one must not get hold of its successors
// for good.

// formsBudget is what the compiled forms on disk may take together.
const formsBudget = 1 << 30

// forms are the compiled forms on disk. They are a cache: what cannot be read or written is compiled again.
type forms struct {
	dir string // of this Node.js and this runner: V8 itself only compares versions, flags and the length of the source

	mu     sync.Mutex
	budget int64
	size   int64 // of all files; negative until they have been looked at
}

// newForms finds the folder for the compiled forms that a Node.js binary and the runner's loader make, and removes those
// of others.
func newForms(dir, nodePath string) (*forms, error) {
	info, err := os.Stat(nodePath)
	if err != nil {
		return nil, fmt.Errorf("look at Node.js: %w", err)
	}
	loader, err := workerFiles.ReadFile("worker/loader.js")
	if err != nil {
		return nil, err
	}
	maker := sha256.New()
	fmt.Fprintf(maker, "1 %q %d %d\n%s", nodePath, info.Size(), info.ModTime().UnixNano(), loader)
	name := hex.EncodeToString(maker.Sum(nil)[:16])
	all := filepath.Join(dir, "compiled")
	f := &forms{dir: filepath.Join(all, name), budget: formsBudget, size: -1}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of compiled functions: %w", err)
	}
	others, err := os.ReadDir(all)
	if err != nil {
		return nil, fmt.Errorf("look at compiled functions: %w", err)
	}
	for _, other := range others {
		if other.Name() != name {
			if err := os.RemoveAll(filepath.Join(all, other.Name())); err != nil {
				return nil, fmt.Errorf("remove compiled functions of another Node.js: %w", err)
			}
		}
	}
	return f, nil
}

// formOf names the compiled form of a bundle's code. Every function has its own, so that nobody but its own code can have
// had a hand in it.
func formOf(b runtime.Bundle) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %d\n", b.App, b.Function, b.Limits.HeapBytes)
	h.Write(b.Code)
	return hex.EncodeToString(h.Sum(nil))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// get returns a compiled form, or nil. V8 trusts what it is given, so a damaged file must not reach it.
func (f *forms) get(name string) []byte {
	file := filepath.Join(f.dir, name)
	data, err := os.ReadFile(file)
	if err != nil || len(data) <= crc32.Size {
		return nil
	}
	sum, data := binary.LittleEndian.Uint32(data), data[crc32.Size:]
	if crc32.Checksum(data, castagnoli) != sum {
		_ = os.Remove(file) // if it stays it is not used either
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(file, now, now) // which says when it was last wanted
	return data
}

// put keeps a compiled form, unless there is one.
func (f *forms) put(name string, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	file := filepath.Join(f.dir, name)
	if _, err := os.Stat(file); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.makeRoom(int64(len(data)) + crc32.Size); err != nil {
		return err
	}
	whole := append(binary.LittleEndian.AppendUint32(make([]byte, 0, crc32.Size+len(data)), crc32.Checksum(data, castagnoli)), data...)
	err := os.WriteFile(file+".new", whole, 0o600)
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err == nil {
		f.size += int64(len(whole))
	}
	return err
}

// makeRoom removes the forms that nobody has wanted for longest, a good part of them at a time. f.mu is held.
func (f *forms) makeRoom(wanted int64) error {
	if f.size >= 0 && f.size+wanted <= f.budget {
		return nil
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	files := make([]fs.FileInfo, 0, len(entries))
	f.size = 0
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		files = append(files, info)
		f.size += info.Size()
	}
	if f.size+wanted <= f.budget {
		return nil
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, info := range files {
		if f.size+wanted <= f.budget*3/4 {
			break
		}
		if err := os.Remove(filepath.Join(f.dir, info.Name())); err != nil {
			return err
		}
		f.size -= info.Size()
	}
	return nil
}

// compiled returns the compiled form of the program's code, nil if there is none.
func (p *Program) compiled() []byte {
	if c := p.cache.Load(); c != nil {
		return *c
	}
	if !p.load.meta.WantCache {
		return nil
	}
	data := p.rt.forms.get(p.form)
	if data == nil {
		return nil
	}
	p.cache.CompareAndSwap(nil, &data)
	return data
}

// offered takes a compiled form from one of the program's processes; checked says that it has served nobody.
func (p *Program) offered(data []byte, checked bool) {
	if !p.load.meta.WantCache || !p.cache.CompareAndSwap(nil, &data) || !checked {
		return
	}
	if err := p.rt.forms.put(p.form, data); err != nil {
		p.rt.log.Warn("the compiled form of a function cannot be kept; its first call takes longer", "function", p.bundle.Function, "error", err)
	}
}
