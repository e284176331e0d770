using System.Net.Sockets;

namespace Registry.WebRtc;

/// <summary>A port that a factory was told to bind cannot be bound.</summary>
/// <param name="protocol">Of which protocol.</param>
/// <param name="port">Which.</param>
/// <param name="cause">What the system says.</param>
public sealed class PortUnavailableException(ProtocolType protocol, int port, SocketException cause)
    : SocketException((int)cause.SocketErrorCode, cause.Message)
{
    /// <summary>UDP or TCP.</summary>
    public ProtocolType Protocol => protocol;

    /// <summary>The port that was asked for.</summary>
    public int Port => port;
}
