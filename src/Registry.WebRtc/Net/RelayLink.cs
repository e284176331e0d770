using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Registry.WebRtc.Net;

/// <summary>Takes what comes over a connection to a relay, on a pool thread; must not block.</summary>
internal interface IRelayLinkReceiver
{
    /// <summary>Takes one STUN or ChannelData message. The span is valid during the call only.</summary>
    void OnMessage(ReadOnlySpan<byte> message);

    /// <summary>The connection has broken; nothing comes after this.</summary>
    void OnDisconnected(string reason);
}

/// <summary>
/// A connection to a TURN server. Each allocation has its own: the server tells allocations of UDP apart by the port they come from
/// (RFC 8656 §3.1), so those of two tubes cannot share the node's socket.
/// </summary>
internal abstract class RelayLink : IDisposable
{
    /// <summary>Connects to the server, and for TLS checks its certificate.</summary>
    /// <param name="kind">How the server is reached.</param>
    /// <param name="host">The name that a certificate must have.</param>
    /// <param name="server">The server's address.</param>
    /// <param name="authorities">Authorities that may sign the certificate instead of the machine's, or null.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SocketException">The server cannot be reached.</exception>
    /// <exception cref="IOException">The server ended the TLS handshake.</exception>
    /// <exception cref="System.Security.Authentication.AuthenticationException">The server's certificate is not to be trusted.</exception>
    public static async Task<RelayLink> ConnectAsync(
        IceServerKind kind, string host, IPEndPoint server, X509Certificate2Collection? authorities, CancellationToken cancellationToken)
    {
        if (kind == IceServerKind.TurnUdp)
            return new UdpRelayLink(server);
        var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        try
        {
            await socket.ConnectAsync(server, cancellationToken).ConfigureAwait(false);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (kind == IceServerKind.TurnTls)
                stream = await SecureAsync(stream, host, authorities, cancellationToken).ConfigureAwait(false);
            return new StreamRelayLink(stream);
        }
        catch
        {
            if (stream is not null)
                await stream.DisposeAsync().ConfigureAwait(false);
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Starts to deliver messages; called once.</summary>
    public abstract void Start(IRelayLinkReceiver receiver);

    /// <summary>Sends one message; one that cannot be sent is lost.</summary>
    public abstract void Send(ReadOnlySpan<byte> message);

    /// <inheritdoc/>
    public abstract void Dispose();

    private static async Task<SslStream> SecureAsync(Stream inner, string host, X509Certificate2Collection? authorities, CancellationToken cancellationToken)
    {
        var secure = new SslStream(inner);
        var options = new SslClientAuthenticationOptions { TargetHost = host };
        if (authorities is not null)
        {
            options.CertificateChainPolicy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            options.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }
        try
        {
            await secure.AuthenticateAsClientAsync(options, cancellationToken).ConfigureAwait(false);
            return secure;
        }
        catch
        {
            await secure.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
