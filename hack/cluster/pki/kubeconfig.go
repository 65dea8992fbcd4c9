package pki

import (
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// WriteKubeconfig writes a kubeconfig for the owner of a certificate. It holds the keys themselves, so
// that the file can be copied elsewhere.
func (d Dir) WriteKubeconfig(path, cluster, server, certificate string) error {
	ca, err := os.ReadFile(d.Cert(CA))
	if err != nil {
		return err
	}
	cert, err := os.ReadFile(d.Cert(certificate))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(d.Key(certificate))
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[cluster] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[certificate] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts[cluster] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: certificate}
	config.CurrentContext = cluster
	return clientcmd.WriteToFile(*config, path)
}
