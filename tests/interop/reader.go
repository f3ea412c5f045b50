// Reads a log in the layout of C2SP tlog-tiles with nothing but golang.org/x/mod/sumdb, and says
// in JSON what it checked. It ends with status 1 at the first thing that does not hold.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// Summary is what a run has seen and checked.
type Summary struct {
	Origin      string           `json:"origin"`
	Size        int64            `json:"size"`
	Root        string           `json:"root"`
	Checkpoints []int64          `json:"checkpoints"`
	Records     int64            `json:"records"`
	Inclusion   int64            `json:"inclusion"`
	Consistency int64            `json:"consistency"`
	Tiles       int64            `json:"tiles"`
	Bundles     int64            `json:"bundles"`
	Gzipped     int64            `json:"gzipped"`
	Fallbacks   int64            `json:"fallbacks"`
	Proofs      int64            `json:"proofs"`
	Cosigned    map[string]int64 `json:"cosigned"`
}

type checkpoint struct {
	origin string
	tree   tlog.Tree
	note   *note.Note
}

type reader struct {
	base, key string
	log       note.Verifier
	witnesses []string
	tiles     map[string][]byte
	seen      Summary
}

// get fetches below the log's prefix; found is false where nothing is served.
func (r *reader) get(path string) (body []byte, found bool, err error) {
	request, err := http.NewRequest("GET", r.base+"/"+path, nil)
	if err != nil {
		return nil, false, err
	}
	if r.key != "" {
		request.Header.Set("Authorization", "Bearer "+r.key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, false, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil, false, nil
	}
	if response.StatusCode != http.StatusOK {
		return nil, false, fmt.Errorf("%s: status %s", path, response.Status)
	}
	if response.Uncompressed { // Go asked for gzip, and took it off again
		r.seen.Gzipped++
	}
	body, err = io.ReadAll(response.Body)
	return body, true, err
}

// parse takes a signed checkpoint apart. Go's own tree notes have another first line.
func (r *reader) parse(signed []byte) (*checkpoint, error) {
	opened, err := note.Open(signed, note.VerifierList(r.log))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return nil, fmt.Errorf("checkpoint: %d lines", len(lines)-1)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return nil, fmt.Errorf("checkpoint: size %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return nil, err
	}
	if lines[0] != r.log.Name() {
		return nil, fmt.Errorf("checkpoint: origin %q, want %q", lines[0], r.log.Name())
	}
	return &checkpoint{lines[0], tlog.Tree{N: size, Hash: root}, opened}, nil
}

// cosignatures checks the lines of the witnesses: C2SP tlog-cosignature, type 04.
func (r *reader) cosignatures(seen *checkpoint) error {
	for _, vkey := range r.witnesses {
		name, public, err := witnessKey(vkey)
		if err != nil {
			return err
		}
		for _, line := range seen.note.UnverifiedSigs {
			if line.Name != name {
				continue
			}
			payload, err := base64.StdEncoding.DecodeString(line.Base64)
			if err != nil || len(payload) != 4+8+64 {
				return fmt.Errorf("cosignature of %s: %d bytes", name, len(payload))
			}
			if !bytes.Equal(payload[:4], witnessID(name, public)) {
				continue
			}
			at := binary.BigEndian.Uint64(payload[4:12])
			message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, seen.note.Text)
			if !ed25519.Verify(public, []byte(message), payload[12:]) {
				return fmt.Errorf("cosignature of %s does not verify", name)
			}
			r.seen.Cosigned[name] = int64(at)
		}
	}
	return nil
}

func witnessKey(vkey string) (string, ed25519.PublicKey, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return "", nil, fmt.Errorf("vkey %q", vkey)
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 33 || key[0] != 4 {
		return "", nil, fmt.Errorf("vkey %q is not of type 04", vkey)
	}
	if id := fmt.Sprintf("%x", witnessID(parts[0], key[1:])); id != parts[1] {
		return "", nil, fmt.Errorf("vkey %q: want id %s", vkey, id)
	}
	return parts[0], ed25519.PublicKey(key[1:]), nil
}

func witnessID(name string, public []byte) []byte {
	hash := sha256.Sum256(append([]byte(name+"\n\x04"), public...))
	return hash[:4]
}

// tile fetches a tile under its C2SP path, which has no height in it; the full one where the
// partial one is no longer served.
func (r *reader) tile(tile tlog.Tile) ([]byte, error) {
	path := "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	if data, ok := r.tiles[path]; ok {
		return data, nil
	}
	data, found, err := r.get(path)
	if err != nil {
		return nil, err
	}
	if !found {
		whole, _, _ := strings.Cut(path, ".p/")
		if data, found, err = r.get(whole); err != nil {
			return nil, err
		}
		if !found || whole == path || len(data) != 256*tlog.HashSize {
			return nil, fmt.Errorf("%s: not served", path)
		}
		r.seen.Fallbacks++
		data = data[:tile.W*tlog.HashSize]
	}
	r.seen.Tiles++
	r.tiles[path] = data
	return data, nil
}

func (r *reader) Height() int                         { return height }
func (r *reader) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (r *reader) ReadTiles(tiles []tlog.Tile) (all [][]byte, err error) {
	for _, tile := range tiles {
		data, err := r.tile(tile)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// bundle returns the entries of a bundle of the given width.
func (r *reader) bundle(index int64, width int) (entries [][]byte, err error) {
	tile := tlog.Tile{H: height, L: 0, N: index, W: width}
	path := "tile/entries/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/0/", height))
	data, found, err := r.get(path)
	if err == nil && !found && width < 256 {
		whole, _, _ := strings.Cut(path, ".p/")
		r.seen.Fallbacks++
		data, found, err = r.get(whole)
	}
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%s: not served", path)
	}
	r.seen.Bundles++
	for len(data) >= 2 && len(entries) < width {
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			return nil, fmt.Errorf("%s: cut off", path)
		}
		entries = append(entries, data[2:2+length])
		data = data[2+length:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("%s: %d entries, want %d", path, len(entries), width)
	}
	return entries, nil
}

func width(size, index int64) int {
	if left := size - index*256; left < 256 {
		return int(left)
	}
	return 256
}

// records checks every record from `from` on: its hash in the tree, and its proof.
func (r *reader) records(tree tlog.Tree, from int64) error {
	hashes := tlog.TileHashReader(tree, r)
	for index := from / 256; index*256 < tree.N; index++ {
		entries, err := r.bundle(index, width(tree.N, index))
		if err != nil {
			return err
		}
		indexes := make([]int64, len(entries))
		for i := range entries {
			indexes[i] = tlog.StoredHashIndex(0, index*256+int64(i))
		}
		stored, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			n := index*256 + int64(i)
			if n < from {
				continue
			}
			if tlog.RecordHash(entry) != stored[i] {
				return fmt.Errorf("record %d is not the one in the tree", n)
			}
			r.seen.Records++
			if err := r.included(tree, hashes, n, stored[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) included(tree tlog.Tree, hashes tlog.HashReader, n int64, leaf tlog.Hash) error {
	proof, err := tlog.ProveRecord(tree.N, n, hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaf); err != nil {
		return fmt.Errorf("record %d: %v", n, err)
	}
	r.seen.Inclusion++
	return nil
}

// consistent checks that an older tree is a prefix of a newer one.
func (r *reader) consistent(older, newer tlog.Tree) error {
	if older.N == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(newer.N, older.N, tlog.TileHashReader(newer, r))
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash); err != nil {
		return fmt.Errorf("tree of %d in tree of %d: %v", older.N, newer.N, err)
	}
	r.seen.Consistency++
	return nil
}

// follow reads checkpoints until one has at least `until` records.
func (r *reader) follow(last tlog.Tree, until int64) (tlog.Tree, error) {
	for {
		signed, found, err := r.get("checkpoint")
		if err != nil {
			return last, err
		}
		if !found {
			return last, fmt.Errorf("checkpoint: not served")
		}
		seen, err := r.parse(signed)
		if err != nil {
			return last, err
		}
		if seen.tree.N < last.N {
			return last, fmt.Errorf("the log went from %d back to %d", last.N, seen.tree.N)
		}
		if err := r.cosignatures(seen); err != nil {
			return last, err
		}
		if seen.tree.N > last.N || r.seen.Origin == "" {
			if err := r.consistent(last, seen.tree); err != nil {
				return last, err
			}
			if err := r.records(seen.tree, last.N); err != nil {
				return last, err
			}
			r.seen.Checkpoints = append(r.seen.Checkpoints, seen.tree.N)
			last = seen.tree
		} else if seen.tree != last {
			return last, fmt.Errorf("two roots of size %d", last.N)
		}
		r.seen.Origin, r.seen.Size, r.seen.Root = seen.origin, last.N, last.Hash.String()
		if last.N >= until {
			return last, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// proofFile checks a .tlog-proof: C2SP tlog-proof.
func (r *reader) proofFile(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, signed, found := strings.Cut(string(data), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" || len(lines) < 2 {
		return fmt.Errorf("%s: not a proof file", path)
	}
	if strings.HasPrefix(lines[1], "extra ") {
		lines = lines[1:]
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	seen, err := r.parse([]byte(signed))
	if err != nil {
		return err
	}
	if err := r.cosignatures(seen); err != nil {
		return err
	}
	entries, err := r.bundle(n/256, width(seen.tree.N, n/256))
	if err != nil {
		return err
	}
	leaf := tlog.RecordHash(entries[n%256])
	if err := tlog.CheckRecord(proof, seen.tree.N, seen.tree.Hash, n, leaf); err != nil {
		return fmt.Errorf("%s: %v", path, err)
	}
	r.seen.Proofs++
	return nil
}
