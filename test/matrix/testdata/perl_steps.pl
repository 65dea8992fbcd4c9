# Takes the matrix's steps with Perl's Net::FTP.
use strict;
use warnings;
use Net::FTP;

my ($host, $port, $user, $password, $transport, $mode, $ca) = @ARGV;
my $ftp = Net::FTP->new($host, Port => $port, Timeout => 30, Passive => $mode eq "passive", BlockSize => 1 << 18,
    SSL => $transport eq "implicit", SSL_ca_file => $ca) or die $@;

sub want { my ($result) = @_; defined $result && $result or die $ftp->code . " " . $ftp->message; }

want($ftp->starttls) if $transport eq "explicit";
want($ftp->login($user, $password));
want($ftp->prot("P")) if $transport ne "plain";
want($ftp->binary);

my %verbs = (
    put => sub { want($ftp->put(@_)) },
    get => sub { want($ftp->get(@_)) },
    reput => sub {
        my ($local, $remote) = @_;
        my $offset = $ftp->size($remote);
        open(my $file, "<:raw", $local) or die $!;
        seek($file, $offset, 0);
        $ftp->restart($offset);
        want($ftp->put($file, $remote));
    },
    reget => sub { my ($remote, $local) = @_; want($ftp->get($remote, $local, -s $local)) },
    ls => sub { print "$_\n" for $ftp->ls($_[0]) },
    mv => sub { want($ftp->rename(@_)) },
    rm => sub { want($ftp->delete($_[0])) },
    mkdir => sub { want($ftp->mkdir($_[0])) },
    # Gives a download up after its first bytes.
    abort => sub {
        my $data = $ftp->retr($_[0]) or die $ftp->message;
        $data->read(my $bytes, 1000) or die "no data";
        want($ftp->abort);
    },
);
binmode(STDIN);
while (my $line = <STDIN>) {
    chomp $line;
    my ($verb, $a, $b) = split(/\t/, $line, -1);
    $verbs{$verb}->($a, $b);
}
$ftp->quit;
