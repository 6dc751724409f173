"""The seismic sentence: acquire, detect, associate, locate, size, shake, warn."""
