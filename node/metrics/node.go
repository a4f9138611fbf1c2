package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bpsc/bpsc/internal/diskspace"
	"github.com/bpsc/bpsc/internal/release"
)

// Node tells what kind of node this is, of which version, and whether it is ready.
func Node(kind, version string, ready func() error) prometheus.Collector {
	return collector(func(out metrics) {
		out.gauge(metric("build_info", "1; the labels say what runs: the kind of node, its version and the newest level that it knows.", "kind", "version", "level"),
			1, kind, version, strconv.FormatUint(uint64(release.Newest), 10))
		out.flag(metric("ready", "1 while the node takes requests; /readyz says why not."), ready() == nil)
	})
}

// Disk tells how much room there is.
func Disk(fence *diskspace.Fence) prometheus.Collector {
	return collector(func(out metrics) {
		s := fence.Space()
		out.gauge(metric("disk_free_bytes", "Free bytes on the file system with the least to spare."), float64(s.Free))
		out.gauge(metric("disk_min_free_bytes", "Bytes that are to stay free there; below it no writes are taken."), float64(s.Reserve))
		out.flag(metric("disk_short", "1 while no writes are taken for want of room; /readyz says why."), s.Short)
	})
}

// Certificates tells when the certificates in use end, by what they are for.
func Certificates(expiries func() map[string]time.Time) prometheus.Collector {
	return collector(func(out metrics) {
		end := metric("certificate_expiry_timestamp_seconds", "Unix time at which a certificate in use ends; 0: there is none.", "use")
		for use, at := range expiries() {
			out.moment(end, at, use)
		}
	})
}

// Rebuilds tells what was rebuilt in the node's folder, by the way it was done, and how many
// blocks were damaged in it and written anew.
func Rebuilds(rebuilt func() (byWay map[string]uint64, mended uint64)) prometheus.Collector {
	return collector(func(out metrics) {
		byWay, mended := rebuilt()
		times := metric("rebuilds_total", "How often the node's folder was rebuilt because it was damaged.", "way")
		for _, way := range []string{"state", "blocks", "copy"} {
			out.counter(times, byWay[way], way)
		}
		out.counter(metric("mended_blocks_total", "Blocks that were damaged on the disk and written anew as they were."), mended)
	})
}
