using System.Collections.Concurrent;
using System.Net;
using System.Net.NetworkInformation;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Registry.WebRtc.Dtls;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;

namespace Registry.WebRtc;

/// <summary>
/// The managed WebRTC stack: connections that share certificates and, unless told otherwise, one UDP socket.
/// No connection has a thread or a timer thread of its own; packets are processed on the thread pool.
/// </summary>
public sealed class PeerConnectionFactory : IPeerConnectionFactory
{
    private readonly PeerConnectionFactoryOptions options;
    private readonly HostAddresses addresses;
    private readonly ILogger logger;
    private readonly IDatagramTransport? shared;
    private readonly TcpPort? tcp;
    private readonly Demultiplexer<PeerConnection> demultiplexer = new();
    private readonly ConcurrentDictionary<PeerConnection, byte> connections = new();
    private readonly long startedAt;
    private readonly Lock certifying = new();
    private DtlsCertificate? certificate;
    private TimeSpan certificateMadeAt;
    private volatile bool disposed;

    private PeerConnectionFactory(PeerConnectionFactoryOptions options, IDatagramTransport? transport)
    {
        this.options = options;
        addresses = new HostAddresses(options.HostAddresses, options.NetworkFilter, options.TimeProvider);
        logger = options.LoggerFactory.CreateLogger<PeerConnectionFactory>();
        startedAt = options.TimeProvider.GetTimestamp();
        SharedTimer = new(options.TimeProvider, () => Now);
        if (options.ResolveLocalNames)
            Names = new(() => addresses.Current, options.MulticastDnsGroup, options.TimeProvider, logger);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.CertificateLifetime, TimeSpan.Zero, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.CertificateLifetime, PeerConnectionFactoryOptions.LongestCertificateLifetime, nameof(options));
        CurrentCertificate();
        if (options.TcpPort is { } port)
            tcp = new(options.BindAddress, port, addresses, options.TimeProvider, logger);
        if (transport is null && !options.SocketPerConnection)
        {
            transport = OpenSharedTransport(out var udpPort);
            UdpPort = udpPort;
        }
        shared = transport;
        shared?.Start(new SharedReceiver(demultiplexer));
        tcp?.Start(demultiplexer.FindByFragment);
        if (options.HostAddresses is null)
            NetworkChange.NetworkAddressChanged += OnNetworkAddressChanged;
    }

    /// <summary>Opens the socket and makes the certificate.</summary>
    /// <exception cref="PortUnavailableException">The address or port cannot be bound.</exception>
    public static PeerConnectionFactory Create(PeerConnectionFactoryOptions? options = null) => new(options ?? new(), null);

    /// <summary>A factory over some other datagram service, such as a simulated network.</summary>
    internal static PeerConnectionFactory Create(PeerConnectionFactoryOptions options, IDatagramTransport transport) => new(options, transport);

    /// <inheritdoc/>
    public PeerConnectionCapabilities Capabilities => PeerConnectionCapabilities.All;

    /// <inheritdoc/>
    public int OpenConnections => connections.Count;

    /// <summary>The UDP port all connections share, or null when each has its own.</summary>
    public int? UdpPort { get; }

    /// <summary>The TCP port at which connections are accepted, or null when none are.</summary>
    public int? TcpPort => tcp?.Bound.Port;

    /// <summary>Where a peer may connect over TCP.</summary>
    internal IReadOnlyList<IPEndPoint> TcpEndPoints => tcp?.LocalEndPoints ?? [];

    /// <summary>Accepted TCP connections, and those of them that have not proven themselves.</summary>
    internal (int All, int Unproven) TcpConnections => tcp?.Connections ?? default;

    internal bool ConnectsOverTcp => options.ConnectsOverTcp;

    internal TimeProvider Time => options.TimeProvider;

    internal X509Certificate2Collection? RelayAuthorities => options.RelayAuthorities;

    /// <summary>Time since the factory was made: the clock of the protocol cores.</summary>
    internal TimeSpan Now => options.TimeProvider.GetElapsedTime(startedAt);

    /// <summary>For the far deadlines of all connections.</summary>
    internal SharedTimer SharedTimer { get; }

    internal ConsentRepeats ConsentRepeats { get; } = new();

    internal Demultiplexer<PeerConnection> Demultiplexer => demultiplexer;

    /// <summary>Asks for the addresses behind names of <c>.local</c>; null when it is switched off.</summary>
    internal MulticastDnsResolver? Names { get; }

    /// <inheritdoc/>
    public IPeerConnection CreatePeerConnection(PeerConnectionConfiguration? configuration = null)
    {
        if (configuration?.IceServers.Select(server => server.Validate()).FirstOrDefault(error => error is not null) is { } wrong)
            throw new ArgumentException(wrong, nameof(configuration));
        ObjectDisposedException.ThrowIf(disposed, this);
        var own = shared is null ? CreateTransport(OpenSocket()) : null;
        var connection = new PeerConnection(this, configuration ?? PeerConnectionConfiguration.Default, own ?? shared!, ownsTransport: own is not null, logger);
        connections.TryAdd(connection, 0);
        if (disposed)
        {
            // The factory was disposed meanwhile and may not have seen the connection.
            _ = connection.DisposeAsync().AsTask();
            throw new ObjectDisposedException(nameof(PeerConnectionFactory));
        }
        own?.Start(connection);
        return connection;
    }

    /// <summary>Closes every connection, then the socket.</summary>
    public async ValueTask DisposeAsync()
    {
        disposed = true;
        NetworkChange.NetworkAddressChanged -= OnNetworkAddressChanged;
        foreach (var connection in connections.Keys)
            await connection.DisposeAsync().ConfigureAwait(false);
        Names?.Dispose();
        tcp?.Dispose();
        shared?.Dispose();
        SharedTimer.Dispose();
        certificate!.Dispose();
    }

    /// <summary>
    /// Connects two connections of this process with each other, so that the code on the way is loaded and compiled before the first peer
    /// waits for it: that is half a second of it. Done once, whoever asks; a failure is nobody's concern.
    /// </summary>
    public static Task WarmUpAsync() => PeerConnectionWarmUp.Done;

    /// <summary>The certificate for a new connection. One that another has followed goes with the last connection that uses it.</summary>
    internal DtlsCertificate CurrentCertificate()
    {
        lock (certifying)
        {
            if (certificate is null || Now - certificateMadeAt >= options.CertificateLifetime)
            {
                certificate = DtlsCertificate.Create(options.TimeProvider.GetUtcNow(), options.CertificateLifetime);
                certificateMadeAt = Now;
            }
            return certificate;
        }
    }

    private void OnNetworkAddressChanged(object? sender, EventArgs e)
    {
        addresses.Forget();
        foreach (var connection in connections.Keys)
            connection.OnHostAddressesChanged();
    }

    internal void Remove(PeerConnection connection) => connections.TryRemove(connection, out _);

    private IDatagramTransport OpenSharedTransport(out int port)
    {
        try
        {
            var udp = OpenSocket();
            port = udp.Bound.Port;
            return CreateTransport(udp);
        }
        catch
        {
            tcp?.Dispose();
            throw;
        }
    }

    private UdpSocket OpenSocket() => new(options.BindAddress, options.UdpPort, addresses, logger);

    private static IDatagramTransport CreateTransport(UdpSocket udp) =>
        LinuxUdpTransport.IsSupported ? new LinuxUdpTransport(udp) : new UdpTransport(udp);

    private sealed class SharedReceiver(Demultiplexer<PeerConnection> demultiplexer) : IDatagramReceiver
    {
        public void OnDatagrams(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress remote)
        {
            while (!datagrams.IsEmpty)
            {
                var owner = FindFirst(datagrams, segmentSize, remote);
                // Nearly always all of a run belongs to one; only checks name another.
                var length = Math.Min(segmentSize, datagrams.Length);
                while (length < datagrams.Length && ReferenceEquals(FindFirst(datagrams[length..], segmentSize, remote), owner))
                    length = Math.Min(length + segmentSize, datagrams.Length);
                owner?.OnDatagrams(datagrams[..length], segmentSize, remote);
                datagrams = datagrams[length..];
            }
        }

        private PeerConnection? FindFirst(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress remote) =>
            demultiplexer.Find(datagrams[..Math.Min(segmentSize, datagrams.Length)], remote);
    }
}
