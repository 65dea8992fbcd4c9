# Takes the matrix's steps with Ruby's net-ftp.
require "net/ftp"

host, port, user, password, transport, mode, ca = ARGV
ftp = Net::FTP.new(host, port: port.to_i, username: user, password: password, passive: mode == "passive",
                   open_timeout: 30, read_timeout: 30, ssl: transport == "plain" ? false : { ca_file: ca })
block = 1 << 18

verbs = {
  "put" => ->(local, remote) { ftp.putbinaryfile(local, remote, block) },
  "get" => ->(remote, local) { ftp.getbinaryfile(remote, local, block) },
  "reput" => lambda { |local, remote|
    ftp.resume = true
    ftp.putbinaryfile(local, remote, block)
    ftp.resume = false
  },
  "reget" => lambda { |remote, local|
    ftp.resume = true
    ftp.getbinaryfile(remote, local, block)
    ftp.resume = false
  },
  "ls" => ->(path, _) { puts ftp.nlst(path) },
  "mv" => ->(from, to) { ftp.rename(from, to) },
  "rm" => ->(path, _) { ftp.delete(path) },
  "mkdir" => ->(path, _) { ftp.mkdir(path) },
  # Gives a download up after its first bytes.
  "abort" => lambda { |remote, _|
    data = ftp.send(:transfercmd, "RETR " + remote)
    data.read(1000)
    ftp.abort
    data.close
    ftp.send(:voidresp)
  },
}
$stdin.binmode.each_line do |line|
  verb, a, b = line.chomp.force_encoding("UTF-8").split("\t", -1)
  verbs.fetch(verb).call(a, b)
end
ftp.quit
