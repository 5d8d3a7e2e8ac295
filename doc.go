// Package yunduo holds the few words that every room of the platform shares: apps, callers, errors and identifiers.
package yunduo

//go:generate go run ./internal/gen/errors
//go:generate go run ./internal/gen/language
