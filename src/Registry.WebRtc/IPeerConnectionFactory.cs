namespace Registry.WebRtc;

/// <summary>Makes peer connections that share one node's UDP socket, certificate and threads.</summary>
public interface IPeerConnectionFactory : IAsyncDisposable
{
    /// <summary>Creates a peer connection in state <see cref="PeerConnectionState.New"/>. It sends nothing before a local description is set.</summary>
    /// <param name="configuration">How this connection gathers and connects; null for the defaults.</param>
    /// <exception cref="ArgumentException">An ICE server is wrong; the message says in what.</exception>
    /// <exception cref="ObjectDisposedException">The factory was disposed.</exception>
    IPeerConnection CreatePeerConnection(PeerConnectionConfiguration? configuration = null);

    /// <summary>Peer connections that were created and are not yet closed.</summary>
    int OpenConnections { get; }
}
