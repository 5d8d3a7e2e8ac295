package storage

import (
	"mime"
	"path"
	"strings"

	"yunduo/storage/driver"
)

// commonTypes are media types that mini-programs use and that Go knows only where the machine has a list of them.
var commonTypes = map[string]string{
	".txt": "text/plain; charset=utf-8", ".md": "text/markdown; charset=utf-8", ".csv": "text/csv; charset=utf-8",
	".bmp": "image/bmp", ".ico": "image/x-icon", ".heic": "image/heic",
	".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".aac": "audio/aac", ".wav": "audio/wav", ".ogg": "audio/ogg", ".amr": "audio/amr", ".silk": "audio/silk",
	".mp4": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm", ".m3u8": "application/vnd.apple.mpegurl",
	".zip": "application/zip", ".gz": "application/gzip",
	".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}

// contentTypeOf returns the media type of a file: the given one if it is one, else the one that the name tells.
func contentTypeOf(filePath, given string) string {
	if kind, parameters, err := mime.ParseMediaType(given); err == nil && strings.Contains(kind, "/") {
		if text := mime.FormatMediaType(kind, parameters); text != "" && len(text) <= 200 {
			return text
		}
	}
	if told := typeOfName(filePath); told != "" {
		return told
	}
	return driver.DefaultContentType
}

// typeOfName returns the media type that the extension of a name tells, empty if it tells none.
func typeOfName(filePath string) string {
	extension := strings.ToLower(path.Ext(filePath))
	if told, ok := commonTypes[extension]; ok {
		return told
	}
	return mime.TypeByExtension(extension)
}
