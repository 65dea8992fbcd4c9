# Takes the matrix's steps with Ruby's net-sftp.
require "net/sftp"

host, port, user, password, known_hosts = ARGV
block = 1 << 15
options = { port: port.to_i, password: password, auth_methods: ["password"], non_interactive: true, config: false,
            user_known_hosts_file: known_hosts, global_known_hosts_file: "/dev/null", verify_host_key: :always }
Net::SFTP.start(host, user, options) do |sftp|
  verbs = {
    "put" => ->(local, remote) { sftp.upload!(local, remote) },
    "get" => ->(remote, local) { sftp.download!(remote, local) },
    "reput" => lambda { |local, remote|
      at = sftp.stat!(remote).size
      handle = sftp.open!(remote, "r+")
      File.open(local, "rb") do |src|
        src.seek(at)
        while (data = src.read(block))
          sftp.write!(handle, at, data)
          at += data.bytesize
        end
      end
      sftp.close!(handle)
    },
    "reget" => lambda { |remote, local|
      handle = sftp.open!(remote, "r")
      File.open(local, "ab") do |dst|
        while (data = sftp.read!(handle, dst.size, block))
          dst.write(data)
          dst.flush
        end
      end
      sftp.close!(handle)
    },
    "ls" => ->(path, _) { sftp.dir.foreach(path) { |entry| puts entry.name } },
    "mv" => ->(from, to) { sftp.rename!(from, to) },
    "rm" => ->(path, _) { sftp.remove!(path) },
    "mkdir" => ->(path, _) { sftp.mkdir!(path) },
    "ln" => ->(target, link) { sftp.symlink!(link, target) },
  }
  $stdin.each_line(chomp: true) do |line|
    verb, a, b = line.split("\t", -1)
    verbs.fetch(verb).call(a, b)
  end
end
