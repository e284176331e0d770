using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.SipSorcery;

/// <summary>Makes peer connections of the SIPSorcery package: a UDP socket, a certificate and, once connected, two threads for each.</summary>
public sealed class SipSorceryPeerConnectionFactory : IPeerConnectionFactory
{
    private readonly ConcurrentDictionary<SipSorceryPeerConnection, byte> connections = new();
    private readonly ILogger logger;
    private volatile bool disposed;

    private SipSorceryPeerConnectionFactory(PeerConnectionFactoryOptions options)
    {
        Options = options;
        Addresses = new HostAddresses(options.HostAddresses, options.NetworkFilter, options.TimeProvider);
        logger = options.LoggerFactory.CreateLogger<SipSorceryPeerConnectionFactory>();
    }

    /// <summary>Makes a factory; nothing is bound before a connection is made.</summary>
    /// <param name="options">
    /// What connections share; null for the defaults. <see cref="PeerConnectionFactoryOptions.CertificateLifetime"/> has no effect, because every connection has its own
    /// certificate, and <see cref="PeerConnectionFactoryOptions.ConnectsOverTcp"/> none, because SIPSorcery knows no TCP candidates.
    /// </param>
    /// <exception cref="NotSupportedException">An option asks for what <see cref="SupportedCapabilities"/> lacks; the message names it.</exception>
    public static SipSorceryPeerConnectionFactory Create(PeerConnectionFactoryOptions? options = null)
    {
        options ??= new();
        if (options.Lacking(SupportedCapabilities) is { } option)
            throw new NotSupportedException($"SIPSorcery has no {option}.");
        return new(options);
    }

    /// <summary>What connections of this stack can do beyond what every stack can: nothing of it.</summary>
    public const PeerConnectionCapabilities SupportedCapabilities = PeerConnectionCapabilities.None;

    /// <inheritdoc/>
    public PeerConnectionCapabilities Capabilities => SupportedCapabilities;

    /// <inheritdoc/>
    public int OpenConnections => connections.Count;

    internal PeerConnectionFactoryOptions Options { get; }

    /// <summary>The addresses that are offered as host candidates.</summary>
    internal HostAddresses Addresses { get; }

    /// <inheritdoc/>
    public IPeerConnection CreatePeerConnection(PeerConnectionConfiguration? configuration = null)
    {
        configuration ??= PeerConnectionConfiguration.Default;
        if (configuration.IceServers.Select(server => server.Validate()).FirstOrDefault(error => error is not null) is { } wrong)
            throw new ArgumentException(wrong, nameof(configuration));
        ObjectDisposedException.ThrowIf(disposed, this);
        var connection = new SipSorceryPeerConnection(this, configuration, logger);
        connections.TryAdd(connection, 0);
        if (disposed)
        {
            // The factory was disposed meanwhile and may not have seen the connection.
            _ = connection.DisposeAsync().AsTask();
            throw new ObjectDisposedException(nameof(SipSorceryPeerConnectionFactory));
        }

        return connection;
    }

    /// <summary>Closes every connection.</summary>
    public async ValueTask DisposeAsync()
    {
        disposed = true;
        foreach (var connection in connections.Keys)
            await connection.DisposeAsync().ConfigureAwait(false);
    }

    internal void Remove(SipSorceryPeerConnection connection) => connections.TryRemove(connection, out _);
}
