using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Registry.WebRtc;

namespace Registry.Interop.Tests.Relay;

/// <summary>A coturn of its own on loopback, with a certificate that nobody but the test trusts and credentials made from a shared secret.</summary>
public sealed class RelayServer : IAsyncDisposable
{
    public const string Secret = "interop-secret";
    private const string Program = "turnserver";
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(15);

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("relay-");
    private readonly Process process;
    private readonly StringBuilder log = new();

    private RelayServer(int staleNonceSeconds)
    {
        (Port, TlsPort) = (FreePort(), FreePort());
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=relay.example", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("relay.example");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        Authorities = [certificate];
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(InFolder("key.pem"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(InFolder("turn.conf"),
            $"""
            listening-ip=127.0.0.1
            relay-ip=127.0.0.1
            listening-port={Port}
            tls-listening-port={TlsPort}
            realm=relay.example
            use-auth-secret
            static-auth-secret={Secret}
            stale-nonce={staleNonceSeconds}
            allow-loopback-peers
            no-cli
            no-dtls
            verbose
            log-file=stdout
            simple-log
            cert={CertificateFile}
            pkey={InFolder("key.pem")}
            pidfile={InFolder("turn.pid")}
            userdb={InFolder("turndb")}
            """);
        process = new Process
        {
            StartInfo = new ProcessStartInfo(Program, ["-c", InFolder("turn.conf")]) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Port { get; }

    public int TlsPort { get; }

    /// <summary>The server's certificate, which signs itself.</summary>
    public X509Certificate2Collection Authorities { get; }

    public string CertificateFile => InFolder("certificate.pem");

    /// <summary>What the server has told so far.</summary>
    public string Log
    {
        get { lock (log) return log.ToString(); }
    }

    /// <summary>What this machine lacks to run the server, or null.</summary>
    public static string? MissingRequirement() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(path => File.Exists(Path.Combine(path, Program)))
            ? null
            : $"coturn is not installed ({Program} is not on the PATH).";

    /// <summary>Starts the server and waits until it takes connections on both ports.</summary>
    public static async Task<RelayServer> StartAsync(int staleNonceSeconds = 600)
    {
        var server = new RelayServer(staleNonceSeconds);
        try
        {
            await server.WaitUntilReadyAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public string Url(IceServerKind kind) => kind switch
    {
        IceServerKind.Stun => $"stun:127.0.0.1:{Port}",
        IceServerKind.TurnUdp => $"turn:127.0.0.1:{Port}?transport=udp",
        IceServerKind.TurnTcp => $"turn:127.0.0.1:{Port}?transport=tcp",
        _ => $"turns:127.0.0.1:{TlsPort}?transport=tcp",
    };

    /// <summary>The server as an application is told of it.</summary>
    public IceServer Server(IceServerKind kind) => new SharedSecretIceServers([Url(kind)], Secret, TimeSpan.FromHours(1), TimeProvider.System).Create();

    /// <summary>A connection that uses this server alone.</summary>
    public PeerConnectionConfiguration RelayOnly(IceServerKind kind) => new() { IceServers = [Server(kind)], IceTransportPolicy = IceTransportPolicy.Relay };

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        folder.Delete(recursive: true);
    }

    private async Task WaitUntilReadyAsync()
    {
        using var timeout = new CancellationTokenSource(patience);
        foreach (var port in new[] { Port, TlsPort })
        {
            while (!await AcceptsAsync(port))
            {
                if (process.HasExited || timeout.IsCancellationRequested)
                    throw new InvalidOperationException($"coturn does not listen on port {port.ToString(CultureInfo.InvariantCulture)}. It says: {Log}");
                await Task.Delay(20);   // it tells nobody when it listens
            }
        }
    }

    private static async Task<bool> AcceptsAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private string InFolder(string file) => Path.Combine(folder.FullName, file);

    private void Keep(string? line)
    {
        lock (log)
            log.AppendLine(line);
    }
}

/// <summary>A fact that is skipped where coturn is not installed.</summary>
public sealed class RelayFactAttribute : FactAttribute
{
    public RelayFactAttribute() => Skip = RelayServer.MissingRequirement();
}

/// <summary>A theory that is skipped where coturn is not installed.</summary>
public sealed class RelayTheoryAttribute : TheoryAttribute
{
    public RelayTheoryAttribute() => Skip = RelayServer.MissingRequirement();
}
