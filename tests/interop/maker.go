// Writes a log in the layout of C2SP tlog-tiles with golang.org/x/mod/sumdb, cosigned once.
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func write(directory, path string, data []byte) error {
	whole := filepath.Join(directory, path)
	if err := os.MkdirAll(filepath.Dir(whole), 0o755); err != nil {
		return err
	}
	return os.WriteFile(whole, data, 0o644)
}

// makeLog writes the log of the records "leaf 0", "leaf 1", … of the given size.
func makeLog(directory, skey string, size int64, witness string, seed []byte, at uint64) error {
	signer, err := note.NewSigner(skey)
	if err != nil {
		return err
	}
	var stored []tlog.Hash
	hashes := tlog.HashReaderFunc(func(indexes []int64) (found []tlog.Hash, err error) {
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	var bundle []byte
	for n := int64(0); n < size; n++ {
		record := []byte(fmt.Sprintf("leaf %d", n))
		more, err := tlog.StoredHashes(n, record, hashes)
		if err != nil {
			return err
		}
		stored = append(stored, more...)
		bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(record)))
		bundle = append(bundle, record...)
		if n%256 == 255 || n == size-1 {
			tile := tlog.Tile{H: height, L: 0, N: n / 256, W: int(n%256) + 1}
			path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/0/", height))
			if err := write(directory, "tile/entries/"+path, bundle); err != nil {
				return err
			}
			bundle = nil
		}
	}
	for _, tile := range tlog.NewTiles(height, 0, size) {
		data, err := tlog.ReadTileData(tile, hashes)
		if err != nil {
			return err
		}
		path := "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
		if err := write(directory, path, data); err != nil {
			return err
		}
	}
	root, err := tlog.TreeHash(size, hashes)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), size, root)
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return err
	}
	return write(directory, "checkpoint", append(signed, cosign(text, witness, seed, at)...))
}

// cosign returns the line of a witness under a checkpoint.
func cosign(text, name string, seed []byte, at uint64) []byte {
	private := ed25519.NewKeyFromSeed(seed)
	public := private.Public().(ed25519.PublicKey)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, text)
	payload := binary.BigEndian.AppendUint64(witnessID(name, public), at)
	payload = append(payload, ed25519.Sign(private, []byte(message))...)
	return []byte(fmt.Sprintf("— %s %s\n", name, base64.StdEncoding.EncodeToString(payload)))
}
