using Registry.Host.Api;
using Registry.Host.Security;

namespace Registry.Host.BrowserClient;

/// <summary><c>/client.js</c>: the HTTP interface as a module for browsers, and its types, <c>/client.d.ts</c>.</summary>
internal static class BrowserClientFiles
{
    public static void MapBrowserClient(this IEndpointRouteBuilder routes)
    {
        routes.MapFile("client.js", "text/javascript; charset=utf-8");
        routes.MapFile("client.d.ts", "application/typescript; charset=utf-8");
    }

    private static void MapFile(this IEndpointRouteBuilder routes, string name, string type)
    {
        var file = new TaggedContent(Read(name), type, "no-cache");
        routes.MapGet($"/{name}", () => file).ForAnyone().ExcludeFromDescription();
    }

    private static byte[] Read(string name)
    {
        using var resource = typeof(BrowserClientFiles).Assembly.GetManifestResourceStream($"BrowserClient.{name}") ?? throw new InvalidOperationException($"{name} is not part of this build.");
        using var content = new MemoryStream();
        resource.CopyTo(content);
        return content.ToArray();
    }
}
