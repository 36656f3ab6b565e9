// Opens and seals what llmkeys does, with nothing but Go's standard library: a request as JSON in, an answer out.
package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"os"
	"slices"
	"strings"
)

type request struct {
	Seed, Header, Plaintext, Root []byte   // Header and Plaintext are to be sealed to the seed's public key
	Sealed, Envelopes             []string // to be opened with the seed and with the root
}

type answer struct {
	Public    []byte   `json:"public"`
	Sealed    string   `json:"sealed"`
	Opened    [][]byte `json:"opened"`
	Unwrapped [][]byte `json:"unwrapped"`
}

func main() {
	var asked request
	check(json.NewDecoder(os.Stdin).Decode(&asked))
	key := must(hpke.MLKEM768X25519().NewPrivateKey(asked.Seed))
	found := answer{Public: key.PublicKey().Bytes()}
	for _, text := range asked.Sealed {
		header, ciphertext := split(text, "llmkeys1")
		info := append([]byte("llmkeys/v1 seal\x00"), header...)
		opened := must(hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), info, ciphertext))
		found.Opened = append(found.Opened, append([]byte{}, opened...)) // JSON's null is no text
	}
	for _, text := range asked.Envelopes {
		header, ciphertext := split(text, "llmkeysE1")
		salt, parts := header[1:33], header[41:] // version, salt, sequence, then key id, namespace UID, credential UID
		keyID, rest := part(parts)
		namespace, _ := part(rest)
		domain := []byte("llmkeys/v1 envelope\x00")
		info := slices.Concat([]byte{0, 0, 0, 20}, domain, keyID, namespace)
		block := must(aes.NewCipher(must(hkdf.Key(sha256.New, asked.Root, salt, string(info), 32))))
		aad := slices.Concat(domain, header)
		found.Unwrapped = append(found.Unwrapped, must(must(cipher.NewGCM(block)).Open(nil, make([]byte, 12), ciphertext, aad)))
	}
	info := append([]byte("llmkeys/v1 seal\x00"), asked.Header...)
	sealed := must(hpke.Seal(key.PublicKey(), hpke.HKDFSHA256(), hpke.AES256GCM(), info, asked.Plaintext))
	found.Sealed = "llmkeys1." + base64.RawURLEncoding.EncodeToString(asked.Header) + "." + base64.RawURLEncoding.EncodeToString(sealed)
	check(json.NewEncoder(os.Stdout).Encode(found))
}

func split(text, form string) (header, ciphertext []byte) {
	pieces := strings.Split(text, ".")
	if len(pieces) != 3 || pieces[0] != form {
		panic("not of the form " + form)
	}
	strict := base64.RawURLEncoding.Strict()
	return must(strict.DecodeString(pieces[1])), must(strict.DecodeString(pieces[2]))
}

// part gives the first part with its length before it, and what follows.
func part(parts []byte) (first, rest []byte) {
	size := 4 + binary.BigEndian.Uint32(parts)
	return parts[:size], parts[size:]
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}
