using System.Net.NetworkInformation;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>TCP sockets as the kernel sees them.</summary>
internal static class TcpSockets
{
    /// <summary>Sockets with one of the ports on either side that a program still holds; those that only wait out their time do not count.</summary>
    public static int CountOf(params int[] ports) =>
        IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpConnections().Count(connection =>
            connection.State is not (TcpState.TimeWait or TcpState.Closed)
            && (ports.Contains(connection.LocalEndPoint.Port) || ports.Contains(connection.RemoteEndPoint.Port)));
}
