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
    private const int Attempts = 3;
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(15);

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("relay-");
    private Process process;
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
        process = Run();
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

    /// <summary>Starts the server and waits until it allocates.</summary>
    public static async Task<RelayServer> StartAsync(int staleNonceSeconds = 600)
    {
        for (var attempt = 1; ; attempt++)
        {
            var server = new RelayServer(staleNonceSeconds);
            try
            {
                await server.WaitUntilReadyAsync();
                return server;
            }
            catch (Exception e)
            {
                await server.DisposeAsync();
                // Somebody took one of the ports between the look at it and the server's start.
                if (e is not InvalidOperationException || attempt == Attempts)
                    throw;
            }
        }
    }

    /// <summary>Ends the server at once and starts it again at the same ports: it knows of no allocation then.</summary>
    public async Task RestartAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        process = Run();
        await WaitUntilReadyAsync();
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

    private Process Run()
    {
        var started = new Process
        {
            StartInfo = new ProcessStartInfo(Program, ["-c", InFolder("turn.conf")]) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        started.OutputDataReceived += (_, line) => Keep(line.Data);
        started.ErrorDataReceived += (_, line) => Keep(line.Data);
        started.Start();
        started.BeginOutputReadLine();
        started.BeginErrorReadLine();
        return started;
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
        // Nor whether it has its UDP port: it tries again for ever to bind one that is taken.
        await using var factory = PeerConnectionFactory.Create(new() { BindAddress = IPAddress.Loopback, HostAddresses = [IPAddress.Loopback] });
        while (!await AllocatesAsync(factory))
        {
            if (timeout.IsCancellationRequested || HasLostItsPort)
                throw new InvalidOperationException($"coturn allocates nothing. It says: {Log}");
        }
    }

    private async Task<bool> AllocatesAsync(PeerConnectionFactory factory)
    {
        await using var connection = factory.CreatePeerConnection(RelayOnly(IceServerKind.TurnUdp) with { GatheringTimeout = TimeSpan.FromMilliseconds(500) });
        var gathered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.IceGatheringStateChanged += state =>
        {
            if (state == IceGatheringState.Complete)
                gathered.TrySetResult();
        };
        connection.CreateDataChannel("probe");
        await connection.SetLocalDescriptionAsync(await connection.CreateOfferAsync());
        await gathered.Task.WaitAsync(patience);
        return connection.LocalDescription!.Sdp.Contains("typ relay", StringComparison.Ordinal);
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

    private bool HasLostItsPort => Log.Contains("Cannot bind", StringComparison.Ordinal);

    /// <summary>A port that is free for TCP and for UDP.</summary>
    private static int FreePort()
    {
        while (true)
        {
            using var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            tcp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            using var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                udp.Bind(tcp.LocalEndPoint!);
                return ((IPEndPoint)tcp.LocalEndPoint!).Port;
            }
            catch (SocketException)
            {
                // Taken for UDP: another one.
            }
        }
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
