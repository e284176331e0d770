using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Registry.WebRtc.Net;

/// <summary>
/// A listening TCP socket for peers that UDP does not carry to this node (RFC 6544, passive candidates). Connections are bounded in number;
/// of those that have not proven themselves yet the oldest gives way to the next.
/// </summary>
internal sealed partial class TcpPort : IDisposable
{
    /// <summary>Connections that have not proven themselves.</summary>
    public const int MaxUnproven = 256;

    /// <summary>Connections in all.</summary>
    public const int MaxConnections = 10_000;

    private const int Backlog = 512;

    // What an accept fails of, such as a process out of file descriptors, does not pass in no time.
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    private readonly HostAddresses addresses;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly Socket listener;
    private readonly Lock gate = new();
    private readonly HashSet<TcpLink> links = [];
    private readonly LinkedList<TcpLink> unproven = [];
    private volatile bool disposed;

    /// <param name="address">Address to bind; null binds all addresses of both families.</param>
    /// <param name="port">Port to bind, 0 for any free one.</param>
    /// <param name="addresses">The machine's addresses.</param>
    /// <param name="time">For deadlines.</param>
    /// <param name="logger">Where failures are told.</param>
    /// <exception cref="PortUnavailableException">The address or port cannot be bound.</exception>
    public TcpPort(IPAddress? address, int port, HostAddresses addresses, TimeProvider time, ILogger logger)
    {
        (this.addresses, this.time, this.logger) = (addresses, time, logger);
        listener = BoundSocket.Open(ProtocolType.Tcp, address, port, static _ => { });
        listener.Listen(Backlog);
        Bound = (IPEndPoint)listener.LocalEndPoint!;
    }

    public IPEndPoint Bound { get; }

    /// <summary>Addresses at which a peer may reach this port, one candidate each.</summary>
    public IReadOnlyList<IPEndPoint> LocalEndPoints => addresses.LeadingTo(Bound);

    /// <summary>Connections, and those of them that have not proven themselves.</summary>
    public (int All, int Unproven) Connections
    {
        get { lock (gate) return (links.Count, unproven.Count); }
    }

    /// <summary>Starts to accept connections.</summary>
    /// <param name="find">Finds the owner of a connection by its first message.</param>
    public void Start(FindTcpLinkOwner find) => _ = Task.Run(() => AcceptAsync(find));

    public void Dispose()
    {
        disposed = true;
        listener.Dispose();
        TcpLink[] open;
        lock (gate)
            open = [.. links];
        foreach (var link in open)
            link.Dispose();
    }

    private async Task AcceptAsync(FindTcpLinkOwner find)
    {
        while (!disposed)
        {
            try
            {
                Add(await listener.AcceptAsync().ConfigureAwait(false), find);
            }
            catch (Exception) when (disposed)
            {
                return;
            }
            catch (SocketException e)
            {
                LogAcceptFailed(e.Message);
                await Task.Delay(RetryAfter, time).ConfigureAwait(false);
            }
        }
    }

    private void Add(Socket socket, FindTcpLinkOwner find)
    {
        TcpLink link;
        try
        {
            socket.NoDelay = true;
            link = TcpLink.Accepted(socket, TransportAddress.From((IPEndPoint)socket.RemoteEndPoint!) with { IsTcp = true }, time, find, OnProven, OnClosed);
        }
        catch (SocketException)
        {
            // Gone again before it was looked at.
            socket.Dispose();
            return;
        }
        TcpLink? displaced = null;
        lock (gate)
        {
            if (links.Count >= MaxConnections || unproven.Count >= MaxUnproven)
                displaced = unproven.First?.Value ?? link;
            links.Add(link);
            unproven.AddLast(link);
        }
        displaced?.Dispose();
        link.Start();
    }

    private void OnProven(TcpLink link)
    {
        lock (gate)
            unproven.Remove(link);
    }

    private void OnClosed(TcpLink link)
    {
        lock (gate)
        {
            links.Remove(link);
            unproven.Remove(link);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A TCP connection could not be accepted: {Error}")]
    private partial void LogAcceptFailed(string error);
}
