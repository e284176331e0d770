namespace Registry.WebRtc;

/// <summary>Makes peer connections that share what one node has for them.</summary>
public interface IPeerConnectionFactory : IAsyncDisposable
{
    /// <summary>What its connections can do beyond what every stack can.</summary>
    PeerConnectionCapabilities Capabilities { get; }

    /// <summary>Creates a peer connection in state <see cref="PeerConnectionState.New"/>. It sends nothing before a local description is set.</summary>
    /// <param name="configuration">How this connection gathers and connects; null for the defaults.</param>
    /// <exception cref="ArgumentException">An ICE server is wrong; the message says in what.</exception>
    /// <exception cref="ObjectDisposedException">The factory was disposed.</exception>
    IPeerConnection CreatePeerConnection(PeerConnectionConfiguration? configuration = null);

    /// <summary>Peer connections that were created and are not yet closed.</summary>
    int OpenConnections { get; }
}
