package fleet

import (
	"encoding/binary"
	"hash/fnv"
	"strconv"
	"strings"
)

const (
	// TrackSegments and segmentSeconds make every track two minutes long.
	TrackSegments  = 30
	segmentSeconds = 4
	// packetSize is that of an MPEG transport stream (ISO/IEC 13818-1), segmentPackets
	// of them are about 64 KiB: four seconds of audio at 128 kbit/s.
	packetSize     = 188
	segmentPackets = 348
	// syncByte begins each transport stream packet.
	syncByte = 0x47
	// maxTrack bounds a track's name, which is a key of the cache.
	maxTrack = 64
)

// segmentID names one segment of one track.
type segmentID struct {
	track  string
	number int // 0 … TrackSegments-1
}

// parseSegment reads "<number>.ts".
func parseSegment(track, file string) (segmentID, bool) {
	digits, ok := strings.CutSuffix(file, ".ts")
	number, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || number >= TrackSegments || strconv.FormatUint(number, 10) != digits {
		return segmentID{}, false
	}
	return segmentID{track, int(number)}, validTrack(track)
}

// validTrack says whether a track of this name exists: letters, digits, '-' and '_'.
func validTrack(track string) bool {
	if track == "" || len(track) > maxTrack {
		return false
	}
	return strings.IndexFunc(track, func(r rune) bool {
		return !(r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}) < 0
}

// SegmentBytes makes the content of a segment from nothing but its name, so that any
// server and any client know every byte of it and a damaged reply is provable.
func SegmentBytes(track string, number int) []byte {
	seed := fnv.New64a()
	seed.Write([]byte(track + "/" + strconv.Itoa(number)))
	state := seed.Sum64() | 1 // xorshift stands still at 0
	data := make([]byte, 0, segmentPackets*packetSize)
	for packet := range segmentPackets {
		// Head: sync byte, payload only, PID 0x100, a continuity counter of 4 bits.
		data = append(data, syncByte, 0x01, 0x00, 0x10|byte(packet&0xf))
		for range (packetSize - 4) / 8 {
			state ^= state << 13
			state ^= state >> 7
			state ^= state << 17
			data = binary.LittleEndian.AppendUint64(data, state)
		}
	}
	return data
}

// playlist is the HLS media playlist of a track (RFC 8216 §4.3), with names relative
// to itself.
func playlist() string {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:" + strconv.Itoa(segmentSeconds) +
		"\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n")
	for number := range TrackSegments {
		b.WriteString("#EXTINF:" + strconv.Itoa(segmentSeconds) + ".0,\n" + strconv.Itoa(number) + ".ts\n")
	}
	b.WriteString("#EXT-X-ENDLIST\n")
	return b.String()
}
