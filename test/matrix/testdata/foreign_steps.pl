# Takes the matrix's steps with Perl's Net::SFTP::Foreign, which runs ssh.
use strict;
use warnings;
use Net::SFTP::Foreign;

binmode $_, ':encoding(UTF-8)' for *STDIN, *STDOUT;
my ($host, $port, $user, $key, $known_hosts) = @ARGV;
my $sftp = Net::SFTP::Foreign->new(host => $host, port => $port, user => $user, autodie => 1, timeout => 60, more => [
    '-F' => '/dev/null', '-i' => $key, map { ('-o' => $_) } "UserKnownHostsFile=$known_hosts", 'GlobalKnownHostsFile=/dev/null',
    'StrictHostKeyChecking=yes', 'IdentitiesOnly=yes', 'BatchMode=yes' ]);
my %verbs = (
    put => sub { $sftp->put($_[0], $_[1]) },
    get => sub { $sftp->get($_[0], $_[1]) },
    reput => sub { $sftp->put($_[0], $_[1], resume => 1) },
    reget => sub { $sftp->get($_[0], $_[1], resume => 1) },
    ls => sub { print map { "$_->{filename}\n" } @{ $sftp->ls($_[0]) } },
    mv => sub { $sftp->rename($_[0], $_[1]) },
    rm => sub { $sftp->remove($_[0]) },
    mkdir => sub { $sftp->mkdir($_[0]) },
    ln => sub { $sftp->symlink($_[1], $_[0]) },
);
while (my $line = <STDIN>) {
    chomp $line;
    my ($verb, $first, $second) = split /\t/, $line, -1;
    $verbs{$verb}->($first, $second);
}
