package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
	"yunduo/data/documents/mongodb"
)

// openEngine opens what stores the documents: the data directory, or a MongoDB deployment if the configuration names one.
func (s *Server) openEngine(ctx context.Context) (driver.Engine, error) {
	if s.config.MongoDB != "" {
		return mongodb.Open(ctx, s.config.MongoDB, mongodb.Options{Logger: s.logger, LogAge: s.config.ChangeLogAge, TrashAge: s.config.TrashAge})
	}
	engine, err := embedded.Open(filepath.Join(s.config.DataDir, documentsDir), embedded.Options{
		Logger: s.logger, OnFailure: s.fail, LogAge: s.config.ChangeLogAge, LogBytes: s.config.ChangeLogBytes, TrashAge: s.config.TrashAge,
		CacheBytes: s.config.CacheBytes,
	})
	if errors.Is(err, syscall.EAGAIN) { // its lock is taken
		return nil, fmt.Errorf("the data directory %s is in use by another server; stop that one or choose another directory with --data", s.config.DataDir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the documents in %s: %w", s.config.DataDir, err)
	}
	return engine, nil
}
