package wire

import "time"

// FunctionReport tells what a version of a function holds, what it lacks and what is known against its packages.
type FunctionReport struct {
	Name      string `json:"name"`
	Version   int64  `json:"version"`
	Mode      string `json:"mode" enum:"bundled,unbundled"`
	SizeBytes int64  `json:"sizeBytes"` // all of the bundle
	// The parts: the author's files, the script with its packages, node_modules that are a part of the bundle.
	SourceBytes int64 `json:"sourceBytes"`
	CodeBytes   int64 `json:"codeBytes"`
	ModuleBytes int64 `json:"moduleBytes"`
	// InstalledBytes are those of node_modules before the bundle was made of it.
	InstalledBytes int64             `json:"installedBytes"`
	PackageCount   int               `json:"packageCount"`
	Packages       []PackageSize     `json:"packages"` // the biggest, at most 20
	Missing        []MissingModule   `json:"missing"`
	Advisories     []PackageAdvisory `json:"advisories"`          // the worst first
	Unchecked      string            `json:"unchecked,omitempty"` // why no advisories are known; absent if the registry told them
	CheckedAt      time.Time         `json:"checkedAt"`
}

// PackageSize is a package and the bytes that it adds to a bundle.
type PackageSize struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Bytes   int64  `json:"bytes"`
}

// MissingModule is a module that is not there, and the author's files that require it: loading it will fail.
type MissingModule struct {
	Name  string   `json:"name"`
	Files []string `json:"files"`
}

// PackageAdvisory is a known vulnerability of a package in use.
type PackageAdvisory struct {
	Package  string `json:"package"`
	Version  string `json:"version"`
	Severity string `json:"severity" enum:"low,moderate,high,critical"`
	Title    string `json:"title"`
	URL      string `json:"url,omitempty"`
	Range    string `json:"range,omitempty"` // of the vulnerable versions
}
