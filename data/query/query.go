// Package query is the filter, update, projection and sort language: it parses each once into a form that every
// engine shares for meaning and evaluates it on raw BSON without decoding.
package query
