import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** Takes the matrix's steps with JSch 0.1.55, which knows old algorithms only. */
public class Steps {
  public static void main(String[] args) throws Exception {
    // The release 0.1.55 still has 0.1.54 here.
    System.out.println("JSch.VERSION is " + JSch.VERSION);
    JSch jsch = new JSch();
    jsch.setKnownHosts(args[4]);
    Session session = jsch.getSession(args[2], args[0], Integer.parseInt(args[1]));
    session.setPassword(args[3]);
    session.setConfig("StrictHostKeyChecking", "yes");
    session.connect(30000);
    ChannelSftp sftp = (ChannelSftp) session.openChannel("sftp");
    sftp.connect(30000);
    sftp.setFilenameEncoding("UTF-8");
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null; ) {
      String[] part = line.split("\t", -1);
      take(sftp, part[0], part[1], part[2]);
    }
    session.disconnect();
  }

  private static void take(ChannelSftp sftp, String verb, String a, String b) throws Exception {
    switch (verb) {
      case "put" -> sftp.put(plain(a), plain(b));
      case "get" -> sftp.get(plain(a), plain(b));
      case "reput" -> sftp.put(plain(a), plain(b), ChannelSftp.RESUME);
      case "reget" -> sftp.get(plain(a), plain(b), null, ChannelSftp.RESUME);
      case "ls" -> {
        for (Object entry : sftp.ls(plain(a))) {
          System.out.println(((ChannelSftp.LsEntry) entry).getFilename());
        }
      }
      case "mv" -> sftp.rename(plain(a), plain(b));
      case "rm" -> sftp.rm(plain(a));
      case "mkdir" -> sftp.mkdir(a);
      default -> throw new IllegalArgumentException(verb);
    }
  }

  /** JSch takes patterns for names. */
  private static String plain(String name) {
    return name.replaceAll("([\\\\*?])", "\\\\$1");
  }
}
