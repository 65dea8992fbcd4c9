package resources

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func (s Server) volumes() []*corev1ac.VolumeApplyConfiguration {
	volumes := []*corev1ac.VolumeApplyConfiguration{
		corev1ac.Volume().WithName(config.VolumeConfig).WithConfigMap(corev1ac.ConfigMapVolumeSource().
			WithName(ConfigName(s.Name)).
			WithDefaultMode(s.fileMode()).
			WithItems(corev1ac.KeyToPath().WithKey(s.ConfigKey()).WithPath(config.ConfigFile))),
		s.usersVolume(),
	}
	if name := s.TLSSecret(); name != "" {
		volumes = append(volumes, s.secretVolume(config.VolumeTLS, name))
	}
	if name := s.HostKeysSecret(); name != "" {
		volumes = append(volumes, s.secretVolume(config.VolumeSSH, name))
	}
	if s.auditsToFile() {
		volumes = append(volumes, s.auditVolume())
	}
	if name := s.eventsSecret(); name != "" {
		volumes = append(volumes, s.secretVolume(config.VolumeEvents, name))
	}
	switch b := s.Spec.Storage.Bucket; {
	case b == nil:
		volumes = append(volumes, s.dataVolume())
	case b.CredentialsSecretRef != nil:
		volumes = append(volumes, s.secretVolume(config.VolumeBucket, b.CredentialsSecretRef.Name))
	}
	return volumes
}

func (s Server) secretVolume(volume, secret string) *corev1ac.VolumeApplyConfiguration {
	return corev1ac.Volume().WithName(volume).WithSecret(corev1ac.SecretVolumeSource().
		WithSecretName(secret).
		WithDefaultMode(s.fileMode()))
}

func (s Server) dataVolume() *corev1ac.VolumeApplyConfiguration {
	v := corev1ac.Volume().WithName(config.VolumeData)
	if claim := s.ClaimInUse(); claim != "" {
		source := corev1ac.PersistentVolumeClaimVolumeSource().WithClaimName(claim)
		if s.ReadOnly {
			source.WithReadOnly(true)
		}
		return v.WithPersistentVolumeClaim(source)
	}
	empty := corev1ac.EmptyDirVolumeSource()
	if limit := s.Spec.Storage.Ephemeral.SizeLimit; limit != nil {
		empty.WithSizeLimit(*limit)
	}
	return v.WithEmptyDir(empty)
}

func (s Server) mounts() []*corev1ac.VolumeMountApplyConfiguration {
	mount := func(volume, path string) *corev1ac.VolumeMountApplyConfiguration {
		return corev1ac.VolumeMount().WithName(volume).WithMountPath(path)
	}
	mounts := []*corev1ac.VolumeMountApplyConfiguration{
		mount(config.VolumeConfig, config.Dir).WithReadOnly(true),
		mount(config.VolumeUsers, config.UsersDir).WithReadOnly(true),
	}
	if s.TLSSecret() != "" {
		mounts = append(mounts, mount(config.VolumeTLS, config.TLSDir).WithReadOnly(true))
	}
	if s.HostKeysSecret() != "" {
		mounts = append(mounts, mount(config.VolumeSSH, config.SSHDir).WithReadOnly(true))
	}
	if s.auditsToFile() {
		mounts = append(mounts, mount(config.VolumeAudit, config.AuditDir))
	}
	if s.eventsSecret() != "" {
		mounts = append(mounts, mount(config.VolumeEvents, config.EventsDir).WithReadOnly(true))
	}
	switch b := s.Spec.Storage.Bucket; {
	case b == nil:
		data := mount(config.VolumeData, config.DataDir)
		if s.ReadOnly {
			data.WithReadOnly(true)
		}
		mounts = append(mounts, data)
	case b.CredentialsSecretRef != nil:
		mounts = append(mounts, mount(config.VolumeBucket, config.BucketDir).WithReadOnly(true))
	}
	return mounts
}
