namespace Registry.WebRtc.Dtls;

/// <summary>
/// Threads that handshakes borrow, because BouncyCastle blocks in them. They are started on demand, reused, limited in number, and
/// end after some idle time; who finds none free waits in turn, and is refused when too many wait.
/// </summary>
/// <remarks>
/// Clients and servers have separate limits. A client blocks until its server answers; where both run in one process, clients alone
/// could otherwise hold every thread while their servers wait for one.
/// </remarks>
internal sealed class DtlsHandshakeThreads(int limit = DtlsHandshakeThreads.DefaultLimit, int waitingLimit = DtlsHandshakeThreads.DefaultWaitingLimit)
{
    /// <summary>Threads of both roles together, unless told otherwise.</summary>
    public const int DefaultLimit = 512;

    /// <summary>Handshakes of both roles together that may wait for a thread, unless told otherwise.</summary>
    public const int DefaultWaitingLimit = 2048;

    // Address space, committed only where touched. A cold handshake also compiles its methods on this stack, and an overflow ends the process.
    private const int StackSize = 512 * 1024;
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(5);

    private readonly Pool clients = new("DTLS client handshake", Math.Max(1, limit / 2), waitingLimit / 2);
    private readonly Pool servers = new("DTLS server handshake", Math.Max(1, limit / 2), waitingLimit / 2);

    /// <summary>The threads of this process.</summary>
    public static DtlsHandshakeThreads Shared { get; } = new();

    /// <summary>Threads that exist now, busy or idle.</summary>
    public int Count => clients.Count + servers.Count;

    /// <summary>Threads that run a handshake now.</summary>
    public int Busy => clients.Busy + servers.Busy;

    /// <summary>Runs a handshake as soon as a thread is free.</summary>
    /// <returns>False when it is refused, because too many wait already.</returns>
    public bool TryRun(DtlsRole role, Action handshake) => (role == DtlsRole.Client ? clients : servers).TryRun(handshake);

    private sealed class Pool(string name, int limit, int waitingLimit)
    {
        private readonly object gate = new();
        private readonly Queue<Action> waiting = new();
        private int count;

        // Those that have just been started are idle too: they take what comes first.
        private int idle;

        public int Count
        {
            get { lock (gate) return count; }
        }

        public int Busy
        {
            get { lock (gate) return count - idle; }
        }

        public bool TryRun(Action work)
        {
            lock (gate)
            {
                // Those for whom an idle thread is on its way do not count.
                if (count >= limit && waiting.Count >= idle + waitingLimit)
                    return false;
                waiting.Enqueue(work);
                if (waiting.Count <= idle || count >= limit)
                {
                    Monitor.Pulse(gate);
                    return true;
                }
                count++;
                idle++;
            }
            Start();
            return true;
        }

        /// <summary>Starts a thread that was counted. Without the lock: on a busy machine a new thread takes its time, and its starter waits for it.</summary>
        private void Start()
        {
            try
            {
                new Thread(Work, StackSize) { IsBackground = true, Name = name }.Start();
            }
            catch
            {
                lock (gate)
                {
                    count--;
                    idle--;
                }
                throw;
            }
        }

        private void Work()
        {
            while (TryTake(out var work))
            {
                work();
                lock (gate)
                    idle++;
            }
        }

        private bool TryTake(out Action work)
        {
            lock (gate)
            {
                while (waiting.Count == 0 && Monitor.Wait(gate, IdleTime))
                {
                }

                idle--;
                if (waiting.TryDequeue(out work!))
                    return true;
                count--;
                return false;
            }
        }
    }
}
