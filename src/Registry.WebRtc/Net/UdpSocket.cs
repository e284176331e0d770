using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Registry.WebRtc.Net;

/// <summary>A bound UDP socket, where it can be reached, and the count of what it could not send.</summary>
internal sealed partial class UdpSocket : IDisposable
{
    // The kernel's default of about 200 KB holds some 90 packets, fewer than one congestion window on a fast path.
    private const int BufferSize = 4 * 1024 * 1024;

    private readonly HostAddresses addresses;
    private readonly ILogger logger;
    private long sendErrors;
    private volatile bool disposed;

    /// <param name="address">Address to bind; null binds all addresses of both families.</param>
    /// <param name="port">Port to bind, 0 for any free one.</param>
    /// <param name="addresses">The machine's addresses.</param>
    /// <param name="logger">Where failures are told.</param>
    /// <exception cref="PortUnavailableException">The address or port cannot be bound.</exception>
    public UdpSocket(IPAddress? address, int port, HostAddresses addresses, ILogger logger)
    {
        this.addresses = addresses;
        this.logger = logger;
        Socket = BoundSocket.Open(ProtocolType.Udp, address, port, Prepare);
        Bound = (IPEndPoint)Socket.LocalEndPoint!;
    }

    public Socket Socket { get; }

    public IPEndPoint Bound { get; }

    public bool IsDisposed => disposed;

    /// <summary>Datagrams that were not sent.</summary>
    public long SendErrors => Interlocked.Read(ref sendErrors);

    /// <summary>The machine's addresses that lead to this socket.</summary>
    public IReadOnlyList<IPEndPoint> LocalEndPoints => addresses.LeadingTo(Bound);

    /// <summary>No route, a full device queue, a filtered port: to the protocols above all of these are packet loss.</summary>
    public void OnSendFailed(TransportAddress remote, string error)
    {
        if (Interlocked.Increment(ref sendErrors) == 1)
            LogSendFailed(remote, error);
    }

    /// <summary>An ICMP error of an earlier send, reported to the receiver; the socket itself is fine.</summary>
    public void OnReceiveFailed(string error) => LogReceiveFailed(error);

    /// <summary>Whatever one datagram brings about, the others' tubes go on.</summary>
    public void OnReceiverFailed(Exception exception) => LogReceiverFailed(exception);

    public void Dispose()
    {
        disposed = true;
        Socket.Dispose();
    }

    private static void Prepare(Socket socket)
    {
        socket.ReceiveBufferSize = BufferSize;
        socket.SendBufferSize = BufferSize;
        DontFragment.Apply(socket);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Sending to {Remote} failed: {Error}; further failures are only counted")]
    private partial void LogSendFailed(TransportAddress remote, string error);

    [LoggerMessage(Level = LogLevel.Error, Message = "A received datagram could not be handed on")]
    private partial void LogReceiverFailed(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Receiving failed: {Error}")]
    private partial void LogReceiveFailed(string error);
}
