using System.Collections.Concurrent;
using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Registry.WebRtc.Net;

/// <summary>
/// A thread that reads many sockets: it waits for all of them together and takes what has come to each in one call. It only copies and
/// hands on; the work on the datagrams is the thread pool's.
/// </summary>
internal sealed unsafe class LinuxReceiver
{
    private const int MaxEvents = 64;

    private static readonly Lazy<LinuxReceiver[]> All = new(static () => [.. Enumerable.Range(0, Math.Clamp(Environment.ProcessorCount / 2, 1, 4)).Select(static _ => new LinuxReceiver())]);
    private static int turn;

    private readonly SafeFileHandle epoll;
    private readonly ConcurrentDictionary<long, LinuxUdpTransport> transports = new();
    private readonly LinuxReceiveBuffers buffers = new();
    private long lastId;

    private LinuxReceiver()
    {
        epoll = Libc.epoll_create1(Libc.EPOLL_CLOEXEC);
        if (epoll.IsInvalid)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        new Thread(Run) { IsBackground = true, Name = "UDP receiver" }.Start();
    }

    /// <summary>The receiver for one more socket.</summary>
    public static LinuxReceiver Next() => All.Value[(uint)Interlocked.Increment(ref turn) % All.Value.Length];

    /// <summary>Starts to read a socket.</summary>
    /// <returns>What <see cref="Remove"/> wants.</returns>
    /// <exception cref="Win32Exception">The kernel takes no more sockets.</exception>
    public long Add(LinuxUdpTransport transport)
    {
        var id = Interlocked.Increment(ref lastId);
        transports[id] = transport;
        Libc.EpollEvent interest;
        Libc.EpollEvent.Write(&interest, Libc.EPOLLIN, id);
        if (Libc.epoll_ctl(epoll, Libc.EPOLL_CTL_ADD, transport.Handle, &interest) == 0)
            return id;
        transports.TryRemove(id, out _);
        throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>Reads the socket no more; a call to its receiver that has begun may still end after this. Called before the socket is closed.</summary>
    public void Remove(LinuxUdpTransport transport, long id)
    {
        transports.TryRemove(id, out _);
        Libc.EpollEvent none;
        _ = Libc.epoll_ctl(epoll, Libc.EPOLL_CTL_DEL, transport.Handle, &none);
    }

    private void Run()
    {
        var events = stackalloc Libc.EpollEvent[MaxEvents];
        while (true)
        {
            // Fails only when a signal interrupts it.
            var count = Libc.epoll_wait(epoll, events, MaxEvents, Timeout.Infinite);
            for (var i = 0; i < count; i++)
                Receive(Libc.EpollEvent.ReadData(events, i));
        }
    }

    // By number, not by descriptor: a closed descriptor's number may be a new socket's by now. Not inlined: while it waits, the thread must not hold the last
    // socket's transport, whose connection may be over.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Receive(long id)
    {
        if (transports.TryGetValue(id, out var transport))
            transport.Receive(buffers);
    }
}

/// <summary>The kernel-side arguments of one receive call, made once for a thread: addresses, control messages and room for the data.</summary>
internal sealed unsafe class LinuxReceiveBuffers
{
    /// <summary>Datagrams, or with receive offload runs of datagrams, taken by one call.</summary>
    public const int Count = 16;

    // The largest UDP payload, so nothing is ever truncated.
    private const int MessageSize = 64 * 1024;

    private readonly Libc.MultiMessageHeader* messages = Allocate<Libc.MultiMessageHeader>(Count);
    private readonly Libc.IoVector* vectors = Allocate<Libc.IoVector>(Count);
    private readonly Libc.ControlMessage* controls = Allocate<Libc.ControlMessage>(Count);
    private readonly byte* names = Allocate<byte>(Count * LinuxSocketAddress.MaxLength);
    private readonly byte* data = Allocate<byte>(Count * MessageSize);

    /// <summary>The messages, ready for the kernel to fill in.</summary>
    public Libc.MultiMessageHeader* Prepare()
    {
        for (var i = 0; i < Count; i++)
        {
            vectors[i] = new() { iov_base = data + (i * MessageSize), iov_len = MessageSize };
            messages[i].msg_hdr = new()
            {
                msg_name = names + (i * LinuxSocketAddress.MaxLength),
                msg_namelen = LinuxSocketAddress.MaxLength,
                msg_iov = vectors + i,
                msg_iovlen = 1,
                msg_control = controls + i,
                msg_controllen = (nuint)sizeof(Libc.ControlMessage),
            };
        }
        return messages;
    }

    /// <summary>The bytes of a message that was filled in.</summary>
    public ReadOnlySpan<byte> Data(int index) => new(data + (index * MessageSize), (int)messages[index].msg_len);

    /// <summary>Its sender.</summary>
    public TransportAddress Remote(int index) => LinuxSocketAddress.Read(names + (index * LinuxSocketAddress.MaxLength));

    public bool IsTruncated(int index) => (messages[index].msg_hdr.msg_flags & Libc.MSG_TRUNC) != 0;

    /// <summary>Bytes of each datagram of a run but the last; null when the message is a single datagram.</summary>
    public int? SegmentSize(int index)
    {
        ref var header = ref messages[index].msg_hdr;
        var control = header.msg_control;
        return header.msg_controllen >= Libc.ControlMessage.LengthFor(sizeof(int)) && control->cmsg_level == Libc.SOL_UDP && control->cmsg_type == Libc.UDP_GRO
            ? *(int*)&control->data
            : null;
    }

    private static T* Allocate<T>(int count) where T : unmanaged => (T*)NativeMemory.AllocZeroed((nuint)count, (nuint)sizeof(T));
}
