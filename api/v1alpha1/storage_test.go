package v1alpha1_test

import (
	"strings"
	"testing"
)

func TestStorageRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"two kinds of storage": {
			`spec: {storage: {claim: {}, ephemeral: {}}}`,
			`storage has more than one of claim, existingClaim, ephemeral and bucket: keep one`,
		},
		"a bucket beside a claim": {
			`spec: {storage: {claim: {}, bucket: {name: files}}}`,
			`storage has more than one of claim, existingClaim, ephemeral and bucket: keep one`,
		},
		"a bucket without a name": {
			`spec: {storage: {bucket: {region: eu-1}}}`,
			`spec.storage.bucket.name: Required value`,
		},
		"a bucket whose name is a path": {
			`spec: {storage: {bucket: {name: files/ftp}}}`,
			`this is not the name of a bucket`,
		},
		"an endpoint without a scheme": {
			`spec: {storage: {bucket: {name: files, endpoint: s3.example.com}}}`,
			`this is not a URL: write one such as https://s3.example.com`,
		},
		"a prefix with slashes around it": {
			`spec: {storage: {bucket: {name: files, prefix: /ftp/}}}`,
			`this is not a prefix: write a path without slashes around it, such as files/ftp`,
		},
		"a prefix that leads out": {
			`spec: {storage: {bucket: {name: files, prefix: ftp/../other}}}`,
			`this is not a prefix`,
		},
		"parts that S3 does not take": {
			`spec: {storage: {bucket: {name: files, partSize: 1Mi}}}`,
			`partSize is not between 5Mi and 512Mi`,
		},
		"a key for the store's own encryption": {
			`spec: {storage: {bucket: {name: files, encryption: {type: Store, kmsKeyID: k}}}}`,
			`kmsKeyID is for the type KMS: write that one, or remove kmsKeyID`,
		},
		"an authority that is none": {
			`spec: {storage: {bucket: {name: files, caBundle: hello}}}`,
			`this is not a certificate in PEM`,
		},
		"an authority without TLS": {
			`spec: {storage: {bucket: {name: files, endpoint: "http://s3.example.com", caBundle: "-----BEGIN CERTIFICATE-----"}}}`,
			`caBundle is for an endpoint with TLS`,
		},
		"modes in a bucket": {
			`spec: {storage: {bucket: {name: files}, umask: "0022"}}`,
			`objects in a bucket have no modes: remove umask, fileMode and folderMode`,
		},
		"half files in a bucket": {
			`spec: {storage: {bucket: {name: files}, uploads: Direct}}`,
			`what is uploaded to a bucket gets its name when it is complete: remove uploads, or write Atomic`,
		},
		"a claim for nothing": {
			`spec: {storage: {claim: {size: 0}}}`,
			`size is not above zero: write an amount such as 10Gi`,
		},
		"ephemeral replicas": {
			`spec: {replicas: 2, storage: {ephemeral: {}}}`,
			`with storage.ephemeral each of several replicas would have files of its own`,
		},
		"replicas on a volume for one pod": {
			`spec: {replicas: 2, storage: {claim: {accessModes: [ReadWriteOncePod]}}}`,
			`a claim with ReadWriteOncePod alone takes one pod`,
		},
		"uploads that are never kept": {
			`spec: {storage: {keepIncomplete: 0h}}`,
			`this is no time at all: write a duration above zero, such as 90s, or leave the field out for its default`,
		},
		"uploads that are kept in no defined way": {
			`spec: {storage: {keepIncomplete: Never}}`,
			`this is not a duration: write one such as 90s, 5m or 1h30m`,
		},
		"a claim for no mode": {
			`spec: {storage: {claim: {accessModes: [WriteOnly]}}}`,
			`supported values: "ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod", "ReadOnlyMany"`,
		},
		"a source without a kind": {
			`spec: {storage: {claim: {dataSourceRef: {name: old}}}}`,
			`spec.storage.claim.dataSourceRef.kind: Required value`,
		},
		"a mode of uploads that is none": {
			`spec: {storage: {uploads: Hidden}}`,
			`spec.storage.uploads: Unsupported value: "Hidden": supported values: "Direct", "Atomic"`,
		},
		"a time to keep uploads in days": {
			`spec: {storage: {keepIncomplete: 7d}}`,
			`this is not a duration: write one such as 90s, 5m or 1h30m`,
		},
		"a mode without quotes": {
			`spec: {storage: {fileMode: 0640}}`,
			`spec.storage.fileMode in body must be of type string`,
		},
		"a mode that is not octal": {
			`spec: {storage: {fileMode: "0689"}}`,
			`this is not a mode: write three octal digits for owner, group and others after a 0, in quotes, such as 0640`,
		},
		"a mode with a special bit": {
			`spec: {storage: {folderMode: "2770"}}`,
			`special bits (setuid, setgid, sticky) cannot be set here`,
		},
		"a mode in letters": {
			`spec: {storage: {umask: u=rw}}`,
			`this is not a mode`,
		},
		"a umask against the server itself": {
			`spec: {storage: {umask: "0277"}}`,
			`umask takes permissions from the owner, which is the server itself, so that it could not serve the files: write one whose first digit is 0, such as 0027`,
		},
		"a umask of three digits against the server itself": {
			`spec: {storage: {umask: "777"}}`,
			`umask takes permissions from the owner`,
		},
		"files that the server could not read": {
			`spec: {storage: {fileMode: "0240"}}`,
			`fileMode does not let the owner, which is the server itself, read and write: write one that begins with 06 or 07, such as 0640`,
		},
		"files that the server could not write": {
			`spec: {storage: {fileMode: "444"}}`,
			`fileMode does not let the owner`,
		},
		"folders that the server could not enter": {
			`spec: {storage: {folderMode: "0640"}}`,
			`folderMode does not let the owner, which is the server itself, read, write and enter: write one that begins with 07, such as 0750`,
		},
	})
}

func TestClaimChangesRefused(t *testing.T) {
	ns := namespace(t)
	for name, c := range map[string]struct{ before, after, want string }{
		"smaller": {
			`spec: {storage: {claim: {size: 10Gi}}}`, `spec: {storage: {claim: {size: 9Gi}}}`,
			`size would shrink, which volumes cannot: keep the old size, or move the files to a FileServer with a smaller one`,
		},
		"other-modes": {
			`spec: {storage: {claim: {}}}`, `spec: {storage: {claim: {accessModes: [ReadWriteMany]}}}`,
			`accessModes cannot change while the claim exists: move the files to a FileServer with the other modes`,
		},
		"modes-where-there-were-none": {
			`spec: {storage: {uploads: Atomic}}`, `spec: {storage: {claim: {accessModes: [ReadWriteMany]}}}`,
			`without storage.claim the claim was made with the access mode ReadWriteOnce, and accessModes cannot change while the claim exists`,
		},
		"modes-where-there-was-no-storage": {
			`spec: {}`, `spec: {storage: {claim: {accessModes: [ReadWriteMany, ReadWriteOnce]}}}`,
			`without storage.claim the claim was made with the access mode ReadWriteOnce`,
		},
		"modes-no-more": {
			`spec: {storage: {claim: {accessModes: [ReadWriteMany]}}}`, `spec: {}`,
			`without storage.claim the access mode is ReadWriteOnce, and accessModes cannot change while the claim exists: keep storage.claim as it is, or name the claim in storage.existingClaim`,
		},
		"another-selector": {
			`spec: {storage: {claim: {selector: {matchLabels: {a: b}}}}}`, `spec: {storage: {claim: {selector: {matchLabels: {a: c}}}}}`,
			`selector cannot change while the claim exists`,
		},
		"another-volume": {
			`spec: {storage: {claim: {volumeName: a}}}`, `spec: {storage: {claim: {volumeName: b}}}`,
			`volumeName cannot change while the claim exists`,
		},
		"another-source": {
			`spec: {storage: {claim: {dataSourceRef: {kind: PersistentVolumeClaim, name: a}}}}`, `spec: {storage: {claim: {dataSourceRef: {kind: PersistentVolumeClaim, name: b}}}}`,
			`dataSourceRef cannot change while the claim exists`,
		},
		"a-volume-too-late": {
			`spec: {storage: {claim: {}}}`, `spec: {storage: {claim: {volumeName: b}}}`,
			`selector, volumeName and dataSourceRef count when the claim is made: they cannot be added or removed later`,
		},
		"no-attributes-any-more": {
			`spec: {storage: {claim: {volumeAttributesClassName: gold}}}`, `spec: {storage: {claim: {}}}`,
			`volumeAttributesClassName cannot be removed: name another class`,
		},
		"another-class": {
			`spec: {storage: {claim: {storageClassName: slow}}}`, `spec: {storage: {claim: {storageClassName: fast}}}`,
			`storageClassName cannot change while the claim exists: move the files to a FileServer with the other class`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := object(t, ns, "FileServer", name, c.before)
			if err := api.Create(t.Context(), before); err != nil {
				t.Fatal(err)
			}
			after := object(t, ns, "FileServer", name, c.after)
			after.SetResourceVersion(before.GetResourceVersion())
			if err := api.Update(t.Context(), after); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got: %v\nwant an error with: %s", err, c.want)
			}
		})
	}
}
