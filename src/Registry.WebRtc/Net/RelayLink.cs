using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc.Net;

/// <summary>
/// Connections to TURN servers. Each allocation has its own: the server tells allocations of UDP apart by the port they come from
/// (RFC 8656 §3.1), so those of two tubes cannot share the node's socket.
/// </summary>
internal static class RelayLink
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
    public static async Task<MessageLink> ConnectAsync(
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
            return new StreamLink(stream, new TurnFrameReader(), prefixLength: 0);
        }
        catch
        {
            if (stream is not null)
                await stream.DisposeAsync().ConfigureAwait(false);
            socket.Dispose();
            throw;
        }
    }

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
